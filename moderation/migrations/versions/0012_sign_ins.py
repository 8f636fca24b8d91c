"""signed-in browsers, links that set a password, and how often somebody has done something"""

import sqlalchemy as sa
from alembic import op

from moderation import columns

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "uses",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("until", columns.UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_uses")),
    )
    op.create_index(op.f("ix_uses_until"), "uses", ["until"])
    op.create_table(
        "sign_ins",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("created", columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("seen", columns.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_sign_ins_account_id_accounts")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_sign_ins")),
    )
    for column in ("account_id", "created"):
        op.create_index(op.f(f"ix_sign_ins_{column}"), "sign_ins", [column])
    op.create_table(
        "password_links",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("created", columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("expires", columns.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_password_links_account_id_accounts")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_password_links")),
        sa.UniqueConstraint("account_id", name=op.f("uq_password_links_account_id")),
    )


def downgrade() -> None:
    for table in ("password_links", "sign_ins", "uses"):
        op.drop_table(table)
