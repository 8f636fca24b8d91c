"""The migrations make the tables that the models describe, from nothing and back, and two processes at once."""

import multiprocessing
import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import downgrade, upgrade

from moderation.app import create_app, migrate
from moderation.database import db
from moderation.models import Counter

from .conftest import TESTING


def tables() -> set[str]:
    return set(sa.inspect(db.engine).get_table_names())


def schema() -> object:
    """All that there is, as the database tells it."""
    if db.engine.dialect.name == "sqlite":
        # Line by line: in which order a copied table's constraints stand is left to chance.
        with db.engine.connect() as connection:
            made = sa.text(
                "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name != 'alembic_version' ORDER BY name"
            )
            return [{line.strip(" \t,") for line in sql.splitlines()} for sql in connection.scalars(made)]
    inspector = sa.inspect(db.engine)
    looks = (inspector.get_columns, inspector.get_foreign_keys, inspector.get_indexes, inspector.get_unique_constraints)
    return {table: [sorted(map(str, look(table))) for look in looks] for table in tables() - {"alembic_version"}}


@pytest.fixture
def empty_app(bare_instance: Path):
    app = create_app(bare_instance, **TESTING)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def test_the_models_are_what_the_migrations_make(app):
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, db.metadata) == []


def test_foreign_keys_and_indexes_have_the_names_that_the_models_give_them(app):
    inspector = sa.inspect(db.engine)
    for table in db.metadata.sorted_tables:
        assert {key["name"] for key in inspector.get_foreign_keys(table.name)} == {
            key.name for key in table.foreign_key_constraints
        }
        # PostgreSQL counts what holds a unique constraint as an index too.
        indexes = [index for index in inspector.get_indexes(table.name) if "duplicates_constraint" not in index]
        assert {index["name"] for index in indexes} == {i.name for i in table.indexes}


def test_from_nothing_to_all_tables_and_back_and_again(empty_app):
    assert tables() == set()
    migrate()
    first = schema()
    assert tables() == {*db.metadata.tables, "alembic_version"}

    downgrade(revision="base")
    assert tables() == {"alembic_version"}

    upgrade()
    assert schema() == first


def test_migrating_again_changes_nothing(empty_app):
    migrate()
    before = epochs()
    migrate()
    assert epochs() == before


def test_the_lists_begin_at_version_0_each_in_an_epoch_of_its_own(empty_app):
    migrate()
    counters = db.session.scalars(sa.select(Counter).order_by(Counter.name)).all()
    assert [(counter.name, counter.version) for counter in counters] == [
        ("audit", 0),
        ("blocklist", 0),
        ("known_good", 0),
        ("pictures", 0),
    ]
    assert len({uuid.UUID(counter.epoch) for counter in counters}) == 4


def epochs() -> dict[str, str]:
    db.session.rollback()
    return {counter.name: counter.epoch for counter in db.session.scalars(sa.select(Counter))}


def migrate_there(folder: Path, barrier: object) -> None:
    """In a process of its own."""
    barrier.wait(60)
    app = create_app(folder, **TESTING)
    with app.app_context():
        migrate()
        db.engine.dispose()


def test_processes_that_start_at_once_migrate_once(bare_instance):
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    workers = [context.Process(target=migrate_there, args=(bare_instance, barrier)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    app = create_app(bare_instance, **TESTING)
    with app.app_context():
        assert tables() == {*db.metadata.tables, "alembic_version"}
        assert set(epochs()) == {"audit", "blocklist", "pictures", "known_good"}
        db.session.remove()
        db.engine.dispose()


def test_a_migration_that_fails_leaves_the_database_as_it_was(empty_app):
    with db.engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE matches (id INTEGER)")  # in the way of the last table
        connection.commit()
    with pytest.raises((sa.exc.OperationalError, sa.exc.ProgrammingError), match="already exists"):
        migrate()
    assert tables() - {"alembic_version"} == {"matches"}
