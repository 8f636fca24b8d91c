"""when a picture went down, from which on it may be appealed and is kept"""

import sqlalchemy as sa
from alembic import op

from moderation import columns

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pictures", sa.Column("down", columns.UTCDateTime(timezone=True), nullable=True))
    # Nobody wrote it down. It was not before the upload, nor the decision that stands, nor the last check.
    op.execute("UPDATE pictures SET down = created WHERE status IN ('refused', 'removed')")
    op.execute(
        "UPDATE pictures SET down = decisions.created FROM decisions "
        "WHERE decisions.id = pictures.decision_id AND decisions.created > pictures.down"
    )
    op.execute(
        "UPDATE pictures SET down = coalesce((SELECT max(checks.created) FROM checks "
        "WHERE checks.picture_id = pictures.id AND checks.created > pictures.down), down) WHERE down IS NOT NULL"
    )


def downgrade() -> None:
    op.drop_column("pictures", "down")
