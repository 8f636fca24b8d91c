"""who is entrusted with escalated pictures, and who is deactivated"""

import sqlalchemy as sa
from alembic import op

from moderation import columns

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("entrusted", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("accounts", sa.Column("deactivated", columns.UTCDateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("accounts") as accounts:
        accounts.drop_column("deactivated")
        accounts.drop_column("entrusted")
