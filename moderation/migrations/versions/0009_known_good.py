"""known-good pictures"""

import uuid

import sqlalchemy as sa
from alembic import op

from moderation import columns

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

COUNTERS = sa.table("counters", sa.column("name"), sa.column("epoch"), sa.column("version"))


def upgrade() -> None:
    op.create_table(
        "known_good",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created", columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("fingerprint_id", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("picture_id", sa.Integer(), nullable=True),
        sa.Column("source", sa.String(length=255), nullable=True),
        sa.Column("decision_id", sa.Integer(), nullable=True),
        sa.Column("removed", columns.UTCDateTime(timezone=True), nullable=True),
        sa.Column("removal_id", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["accounts.id"], name=op.f("fk_known_good_by_id_accounts")),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f("fk_known_good_decision_id_decisions")),
        sa.ForeignKeyConstraint(
            ["fingerprint_id"], ["fingerprints.id"], name=op.f("fk_known_good_fingerprint_id_fingerprints")
        ),
        sa.ForeignKeyConstraint(["picture_id"], ["pictures.id"], name=op.f("fk_known_good_picture_id_pictures")),
        sa.ForeignKeyConstraint(["removal_id"], ["decisions.id"], name=op.f("fk_known_good_removal_id_decisions")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_good")),
    )
    for column in ("fingerprint_id", "decision_id", "removal_id", "version"):
        op.create_index(op.f(f"ix_known_good_{column}"), "known_good", [column])
    with op.batch_alter_table("checks") as checks:
        checks.add_column(sa.Column("known_good_id", sa.Integer(), nullable=True))
        checks.create_foreign_key(op.f("fk_checks_known_good_id_known_good"), "known_good", ["known_good_id"], ["id"])
    op.bulk_insert(COUNTERS, [{"name": "known_good", "epoch": str(uuid.uuid4()), "version": 0}])


def downgrade() -> None:
    op.execute(sa.delete(COUNTERS).where(COUNTERS.c.name == "known_good"))
    with op.batch_alter_table("checks") as checks:
        checks.drop_constraint(op.f("fk_checks_known_good_id_known_good"), type_="foreignkey")
        checks.drop_column("known_good_id")
    op.drop_table("known_good")
