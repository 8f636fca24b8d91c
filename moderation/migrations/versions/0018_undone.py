"""the few decisions that are taken back have an index, by which every page counts the appeals that wait"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    undone = sa.text("undone IS NOT NULL")
    op.create_index("ix_decisions_undone", "decisions", ["undone", "id"], sqlite_where=undone, postgresql_where=undone)


def downgrade() -> None:
    op.drop_index("ix_decisions_undone", table_name="decisions")
