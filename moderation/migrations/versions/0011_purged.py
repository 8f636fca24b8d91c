"""pictures whose files are deleted"""

import sqlalchemy as sa
from alembic import op

from moderation import columns

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pictures", sa.Column("purged", columns.UTCDateTime(timezone=True), nullable=True))
    # Without it each deleted fingerprint would be looked for in every picture.
    op.create_index(op.f("ix_pictures_fingerprint_id"), "pictures", ["fingerprint_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_pictures_fingerprint_id"), table_name="pictures")
    op.drop_column("pictures", "purged")
