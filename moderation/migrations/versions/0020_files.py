"""indexes by which a purge finds out which files other rows need"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in ("file", "thumbnail"):
        op.create_index(op.f(f"ix_pictures_{column}"), "pictures", [column])


def downgrade() -> None:
    for column in ("thumbnail", "file"):
        op.drop_index(op.f(f"ix_pictures_{column}"), table_name="pictures")
