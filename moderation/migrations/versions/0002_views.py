"""views: an entry's own views, a fingerprint's aspect, and in which views a match was found"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("fingerprints") as batch:
        batch.add_column(sa.Column("aspect", sa.Double(), nullable=False, server_default="1"))
    op.execute(
        "UPDATE fingerprints SET aspect = coalesce("
        "(SELECT max(1.0 * width / height) FROM pictures WHERE pictures.fingerprint_id = fingerprints.id), 1)"
    )

    with op.batch_alter_table("entries") as batch:
        batch.add_column(sa.Column("views", sa.LargeBinary(), nullable=True))

    with op.batch_alter_table("matches") as batch:
        batch.add_column(sa.Column("asked", sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("share", sa.Double(), nullable=True))
        batch.add_column(sa.Column("correlation", sa.Double(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("matches") as batch:
        batch.drop_column("correlation")
        batch.drop_column("share")
        batch.drop_column("asked")
    with op.batch_alter_table("entries") as batch:
        batch.drop_column("views")
    with op.batch_alter_table("fingerprints") as batch:
        batch.drop_column("aspect")
