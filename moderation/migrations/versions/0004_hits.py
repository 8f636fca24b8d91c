"""hits of an entry"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_checks_entry_id_created", "checks", ["entry_id", "created"])


def downgrade() -> None:
    op.drop_index("ix_checks_entry_id_created", table_name="checks")
