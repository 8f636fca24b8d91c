"""why an upload was held whatever the verdict"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("checks", sa.Column("caution", sa.String(length=20), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("checks") as checks:
        checks.drop_column("caution")
