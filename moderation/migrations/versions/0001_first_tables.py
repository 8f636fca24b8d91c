"""first tables"""

import uuid

import sqlalchemy as sa
from alembic import op

from moderation import columns

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created", columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("password", sa.String(length=200), nullable=False),
        sa.Column(
            "role", sa.Enum("member", "moderator", "admin", name="role", native_enum=False, length=20), nullable=False
        ),
        sa.Column("session", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("key", name=op.f("uq_accounts_key")),
    )
    counters = op.create_table(
        "counters",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("epoch", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )
    op.bulk_insert(
        counters, [{"name": name, "epoch": str(uuid.uuid4()), "version": 0} for name in ("blocklist", "pictures")]
    )
    op.create_table(
        "fingerprints",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("recipe", sa.Integer(), nullable=False),
        sa.Column("views", sa.LargeBinary(), nullable=False),
        sa.Column("detail", sa.Integer(), nullable=False),
        sa.Column("luminance", sa.LargeBinary(), nullable=False),
        sa.Column("pixels", sa.LargeBinary(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fingerprints")),
    )
    op.create_index("ix_fingerprints_pixels", "fingerprints", ["pixels"], unique=False)

    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created", columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("mark", "approve", "import", "withdraw", name="kind", native_enum=False, length=20),
            nullable=False,
        ),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("undone", columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("undone_by_id", sa.Integer(), nullable=True),
        sa.Column("lease", columns.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["by_id"], ["accounts.id"], name=op.f("fk_decisions_by_id_accounts")),
        sa.ForeignKeyConstraint(["undone_by_id"], ["accounts.id"], name=op.f("fk_decisions_undone_by_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index("ix_decisions_by_id", "decisions", ["by_id"], unique=False)
    op.create_index("ix_decisions_lease", "decisions", ["lease"], unique=False)

    op.create_table(
        "pictures",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created", columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "held",
                "published",
                "replaced",
                "refused",
                "removed",
                name="status",
                native_enum=False,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("published", columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("fingerprint_id", sa.Integer(), nullable=True),
        sa.Column("file", sa.String(length=64), nullable=False),
        sa.Column("thumbnail", sa.String(length=64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=True),
        sa.Column("lease", columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f("fk_pictures_decision_id_decisions")),
        sa.ForeignKeyConstraint(
            ["fingerprint_id"], ["fingerprints.id"], name=op.f("fk_pictures_fingerprint_id_fingerprints")
        ),
        sa.ForeignKeyConstraint(["member_id"], ["accounts.id"], name=op.f("fk_pictures_member_id_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pictures")),
    )
    op.create_index("ix_pictures_decision_id_id", "pictures", ["decision_id", "id"], unique=False)
    op.create_index("ix_pictures_lease", "pictures", ["lease"], unique=False)
    op.create_index("ix_pictures_member_id_id", "pictures", ["member_id", "id"], unique=False)
    op.create_index("ix_pictures_status_id", "pictures", ["status", "id"], unique=False)
    op.create_index("ix_pictures_version", "pictures", ["version"], unique=False)

    op.create_table(
        "entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created", columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("fingerprint_id", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.Column("picture_id", sa.Integer(), nullable=True),
        sa.Column("source", sa.String(length=255), nullable=True),
        sa.Column("withdrawn", columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("withdrawal_id", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f("fk_entries_decision_id_decisions")),
        sa.ForeignKeyConstraint(
            ["fingerprint_id"], ["fingerprints.id"], name=op.f("fk_entries_fingerprint_id_fingerprints")
        ),
        sa.ForeignKeyConstraint(["picture_id"], ["pictures.id"], name=op.f("fk_entries_picture_id_pictures")),
        sa.ForeignKeyConstraint(["withdrawal_id"], ["decisions.id"], name=op.f("fk_entries_withdrawal_id_decisions")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entries")),
    )
    op.create_index("ix_entries_decision_id", "entries", ["decision_id"], unique=False)
    op.create_index("ix_entries_fingerprint_id", "entries", ["fingerprint_id"], unique=False)
    op.create_index("ix_entries_version", "entries", ["version"], unique=False)
    op.create_index("ix_entries_withdrawal_id", "entries", ["withdrawal_id"], unique=False)

    op.create_table(
        "actions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.Column("picture_id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=True),
        sa.Column("decides", sa.Boolean(), nullable=False),
        sa.Column(
            "before",
            sa.Enum(
                "pending",
                "held",
                "published",
                "replaced",
                "refused",
                "removed",
                name="status",
                native_enum=False,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("before_decision_id", sa.Integer(), nullable=True),
        sa.Column(
            "after",
            sa.Enum(
                "pending",
                "held",
                "published",
                "replaced",
                "refused",
                "removed",
                name="status",
                native_enum=False,
                length=20,
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f("fk_actions_decision_id_decisions")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_actions_entry_id_entries")),
        sa.ForeignKeyConstraint(["picture_id"], ["pictures.id"], name=op.f("fk_actions_picture_id_pictures")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actions")),
    )
    op.create_index("ix_actions_decision_id", "actions", ["decision_id"], unique=False)
    op.create_index("ix_actions_picture_id", "actions", ["picture_id"], unique=False)

    op.create_table(
        "checks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created", columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("picture_id", sa.Integer(), nullable=False),
        sa.Column(
            "occasion", sa.Enum("upload", "review", name="occasion", native_enum=False, length=20), nullable=False
        ),
        sa.Column(
            "verdict",
            sa.Enum("publish", "hold", "refuse", name="verdict", native_enum=False, length=20),
            nullable=False,
        ),
        sa.Column("entry_id", sa.Integer(), nullable=True),
        sa.Column("candidates", sa.Integer(), nullable=False),
        sa.Column("milliseconds", sa.Double(), nullable=False),
        sa.Column("failure", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_checks_entry_id_entries")),
        sa.ForeignKeyConstraint(["picture_id"], ["pictures.id"], name=op.f("fk_checks_picture_id_pictures")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checks")),
    )
    op.create_index("ix_checks_occasion_created", "checks", ["occasion", "created"], unique=False)
    op.create_index("ix_checks_picture_id", "checks", ["picture_id"], unique=False)

    op.create_table(
        "exemptions",
        sa.Column("picture_id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f("fk_exemptions_decision_id_decisions")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_exemptions_entry_id_entries")),
        sa.ForeignKeyConstraint(["picture_id"], ["pictures.id"], name=op.f("fk_exemptions_picture_id_pictures")),
        sa.PrimaryKeyConstraint("picture_id", "entry_id", "decision_id", name=op.f("pk_exemptions")),
    )
    op.create_index("ix_exemptions_decision_id", "exemptions", ["decision_id"], unique=False)

    op.create_table(
        "matches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("check_id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("view", sa.Integer(), nullable=False),
        sa.Column("dhash", sa.Integer(), nullable=False),
        sa.Column("phash", sa.Integer(), nullable=False),
        sa.Column("identical", sa.Boolean(), nullable=False),
        sa.Column(
            "verdict",
            sa.Enum("publish", "hold", "refuse", name="verdict", native_enum=False, length=20),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["check_id"], ["checks.id"], name=op.f("fk_matches_check_id_checks")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_matches_entry_id_entries")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_matches")),
    )
    op.create_index("ix_matches_check_id", "matches", ["check_id"], unique=False)
    op.create_index("ix_matches_entry_id", "matches", ["entry_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_matches_entry_id", "matches")
    op.drop_index("ix_matches_check_id", "matches")

    op.drop_table("matches")
    op.drop_index("ix_exemptions_decision_id", "exemptions")

    op.drop_table("exemptions")
    op.drop_index("ix_checks_picture_id", "checks")
    op.drop_index("ix_checks_occasion_created", "checks")

    op.drop_table("checks")
    op.drop_index("ix_actions_picture_id", "actions")
    op.drop_index("ix_actions_decision_id", "actions")

    op.drop_table("actions")
    op.drop_index("ix_entries_withdrawal_id", "entries")
    op.drop_index("ix_entries_version", "entries")
    op.drop_index("ix_entries_fingerprint_id", "entries")
    op.drop_index("ix_entries_decision_id", "entries")

    op.drop_table("entries")
    op.drop_index("ix_pictures_version", "pictures")
    op.drop_index("ix_pictures_status_id", "pictures")
    op.drop_index("ix_pictures_member_id_id", "pictures")
    op.drop_index("ix_pictures_lease", "pictures")
    op.drop_index("ix_pictures_decision_id_id", "pictures")

    op.drop_table("pictures")
    op.drop_index("ix_decisions_lease", "decisions")
    op.drop_index("ix_decisions_by_id", "decisions")

    op.drop_table("decisions")
    op.drop_index("ix_fingerprints_pixels", "fingerprints")

    op.drop_table("fingerprints")
    op.drop_table("counters")
    op.drop_table("accounts")
