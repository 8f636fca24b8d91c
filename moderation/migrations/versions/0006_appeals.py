"""appeals, and who is looking at what"""

import sqlalchemy as sa
from alembic import op

from moderation import columns

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "appeals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created", columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("picture_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=500), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=True),
        sa.Column("decision_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f("fk_appeals_decision_id_decisions")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name=op.f("fk_appeals_entry_id_entries")),
        sa.ForeignKeyConstraint(["picture_id"], ["pictures.id"], name=op.f("fk_appeals_picture_id_pictures")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appeals")),
        sa.UniqueConstraint("picture_id", name=op.f("uq_appeals_picture_id")),
    )
    op.create_index(op.f("ix_appeals_entry_id"), "appeals", ["entry_id"])
    op.create_index(op.f("ix_appeals_decision_id"), "appeals", ["decision_id"])
    op.create_table(
        "claims",
        sa.Column("picture_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("until", columns.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_claims_account_id_accounts")),
        sa.ForeignKeyConstraint(["picture_id"], ["pictures.id"], name=op.f("fk_claims_picture_id_pictures")),
        sa.PrimaryKeyConstraint("picture_id", name=op.f("pk_claims")),
    )


def downgrade() -> None:
    op.drop_table("claims")
    op.drop_table("appeals")
