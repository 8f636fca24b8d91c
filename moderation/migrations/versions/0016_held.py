"""indexes for what waited, and what blocked, at a moment that is past"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_entries_created", "entries", ["created", "withdrawn"])
    held = sa.text("(\"before\" = 'held' OR \"after\" = 'held')")
    what = ["decision_id", "picture_id", "before", "after"]
    op.create_index("ix_actions_held", "actions", what, sqlite_where=held, postgresql_where=held)


def downgrade() -> None:
    op.drop_index("ix_actions_held", table_name="actions")
    op.drop_index("ix_entries_created", table_name="entries")
