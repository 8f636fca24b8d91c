"""indexes for the statistics of a large site"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_pictures_created", "pictures", ["created"])
    op.create_index("ix_pictures_status_created_member_id", "pictures", ["status", "created", "member_id"])
    op.create_index("ix_decisions_created", "decisions", ["created"])
    op.create_index("ix_entries_withdrawn", "entries", ["withdrawn"])
    swept = sa.text("entry_id IS NOT NULL")
    op.create_index(
        "ix_actions_swept", "actions", ["decision_id", "picture_id"], sqlite_where=swept, postgresql_where=swept
    )
    op.drop_index("ix_checks_occasion_created", table_name="checks")
    op.create_index("ix_checks_occasion_created", "checks", ["occasion", "created", "failure", "milliseconds"])
    op.create_index("ix_checks_created_candidates", "checks", ["created", "failure", "candidates"])
    op.create_index("ix_checks_verdict_created", "checks", ["verdict", "created"])
    failed = sa.text("failure IS NOT NULL")
    op.create_index("ix_checks_failed", "checks", ["picture_id"], sqlite_where=failed, postgresql_where=failed)
    op.drop_index("ix_matches_check_id", table_name="matches")
    op.create_index("ix_matches_check_id", "matches", ["check_id", "dhash", "verdict"])
    op.create_index("ix_matches_verdict_check_id", "matches", ["verdict", "check_id", "entry_id"])


def downgrade() -> None:
    op.drop_index("ix_matches_verdict_check_id", table_name="matches")
    op.drop_index("ix_matches_check_id", table_name="matches")
    op.create_index("ix_matches_check_id", "matches", ["check_id"])
    op.drop_index("ix_checks_failed", table_name="checks")
    op.drop_index("ix_checks_verdict_created", table_name="checks")
    op.drop_index("ix_checks_created_candidates", table_name="checks")
    op.drop_index("ix_checks_occasion_created", table_name="checks")
    op.create_index("ix_checks_occasion_created", "checks", ["occasion", "created"])
    op.drop_index("ix_actions_swept", table_name="actions")
    op.drop_index("ix_entries_withdrawn", table_name="entries")
    op.drop_index("ix_decisions_created", table_name="decisions")
    op.drop_index("ix_pictures_status_created_member_id", table_name="pictures")
    op.drop_index("ix_pictures_created", table_name="pictures")
