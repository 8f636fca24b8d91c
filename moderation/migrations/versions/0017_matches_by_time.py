"""matches have their check's time, by which the statistics count them in an index alone"""

import sqlalchemy as sa
from alembic import op

from moderation import columns

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("matches", sa.Column("created", columns.UTCDateTime(timezone=True), nullable=True))
    op.execute("UPDATE matches SET created = (SELECT checks.created FROM checks WHERE checks.id = matches.check_id)")
    op.drop_index("ix_matches_verdict_check_id", table_name="matches")
    op.drop_index("ix_matches_check_id", table_name="matches")
    with op.batch_alter_table("matches") as matches:
        matches.alter_column("created", existing_type=columns.UTCDateTime(timezone=True), nullable=False)
    op.create_index("ix_matches_check_id", "matches", ["check_id"])
    op.create_index("ix_matches_verdict_created", "matches", ["verdict", "created", "entry_id", "check_id"])
    op.create_index("ix_matches_verdict_dhash_created", "matches", ["verdict", "dhash", "created"])


def downgrade() -> None:
    op.drop_index("ix_matches_verdict_dhash_created", table_name="matches")
    op.drop_index("ix_matches_verdict_created", table_name="matches")
    op.drop_index("ix_matches_check_id", table_name="matches")
    with op.batch_alter_table("matches") as matches:
        matches.drop_column("created")
    op.create_index("ix_matches_check_id", "matches", ["check_id", "dhash", "verdict"])
    op.create_index("ix_matches_verdict_check_id", "matches", ["verdict", "check_id", "entry_id"])
