"""Runs the migrations on the app's own database, in one transaction."""

from alembic import context
from flask import current_app

from moderation.database import altering

db = current_app.extensions["migrate"].db

with db.engine.connect().execution_options(writes=True) as connection, altering(connection):
    # On SQLite the whole upgrade is one write transaction: a crash leaves the schema as it was, and of two processes
    # that start at once, one waits. It is opened here, before anything is read: Alembic would open one for each look.
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        render_as_batch=True,
        compare_type=True,
        user_module_prefix="columns.",
    )
    with context.begin_transaction():
        context.run_migrations()
