"""the audit log"""

import uuid

import sqlalchemy as sa
from alembic import op

from moderation import columns

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

COUNTERS = sa.table("counters", sa.column("name"), sa.column("epoch"), sa.column("version"))


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("created", columns.UTCDateTime(timezone=True), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    for column in ("by_id", "kind", "account_id"):
        op.create_index(op.f(f"ix_audit_{column}"), "audit", [column])
    op.bulk_insert(COUNTERS, [{"name": "audit", "epoch": str(uuid.uuid4()), "version": 0}])


def downgrade() -> None:
    op.execute(sa.delete(COUNTERS).where(COUNTERS.c.name == "audit"))
    op.drop_table("audit")
