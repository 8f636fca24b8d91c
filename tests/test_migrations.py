"""The migrations make the tables that the models describe, from nothing and back, and two processes at once."""

import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from moderation.app import create_app, migrate, migrate_back
from moderation.canonical import canonical
from moderation.context import parts as current_parts
from moderation.database import db, writing
from moderation.errors import Refusal
from moderation.fingerprint import fingerprint
from moderation.models import Account, Counter, FingerprintRow, Kind, Match, Picture, Role
from moderation.replica import bump
from moderation.schema import MIGRATIONS, revisions

from .conftest import TESTING, of_their_own
from .races import mosaic


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

    migrate_back("base")
    assert tables() == {"alembic_version"}

    migrate()
    assert schema() == first


def test_each_revision_follows_on_the_one_whose_number_is_before_its_own():
    known = ScriptDirectory(str(MIGRATIONS)).walk_revisions()  # the last one first, each with one before it
    assert [one.revision for one in known][::-1] == list(revisions())


def test_migrating_again_changes_nothing(empty_app):
    migrate()
    before = epochs()
    migrate()
    assert epochs() == before


def test_who_finds_the_database_up_to_date_waits_for_no_writer(app):
    with db.engine.connect().execution_options(writes=True) as writer, writer.begin():
        began = time.monotonic()
        migrate()
        assert time.monotonic() - began < 5


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
    context = of_their_own()
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


def test_a_revision_that_is_not_known_is_refused_with_a_sentence(app):
    with pytest.raises(Refusal, match="cannot be brought"):
        migrate_back("9999")
    with db.engine.connect() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        connection.commit()
    with pytest.raises(Refusal, match="later version"):
        migrate()


# --- with a site in it --------------------------------------------------------------------

REVISIONS = revisions()

MOMENT = datetime(2025, 3, 30, 1, 30, 15, 123456)
PRINT = fingerprint(canonical(mosaic(1)))

ROWS: dict[str, list[dict[str, object]]] = {
    "accounts": [
        {"id": 1, "created": MOMENT, "name": "Ana", "key": "ana", "password": "$argon2id$", "role": "member"},
        {"id": 2, "created": MOMENT, "name": "Zoë", "key": "zoë", "password": "$argon2id$", "role": "admin"},
    ],
    "tokens": [{"id": 1, "created": MOMENT, "name": "chat", "hash": bytes(range(32)), "revoked": None}],
    "fingerprints": [
        {
            "id": 1,
            "recipe": PRINT.recipe,
            "views": PRINT.views.tobytes(),
            "detail": PRINT.detail,
            "luminance": PRINT.luminance.tobytes(),
            "pixels": PRINT.pixels,
        }
    ],
    "decisions": [
        {"id": 1, "created": MOMENT, "kind": "mark", "by_id": 2, "reason": "No", "lease": None, "undone": None},
        {"id": 2, "created": MOMENT, "kind": "approve", "by_id": None, "reason": "", "undone": MOMENT},
    ],
    "pictures": [
        {"id": 1, "member_id": 1, "status": "removed", "published": MOMENT, "fingerprint_id": 1, "decision_id": 1}
        | {"down": MOMENT},
        {"id": 2, "member_id": 1, "status": "held", "published": None, "fingerprint_id": None, "decision_id": None}
        | {"down": None},
    ],
    "entries": [
        {"id": 1, "created": MOMENT, "fingerprint_id": 1, "decision_id": 1, "picture_id": 1, "version": 7},
        {"id": 2, "created": MOMENT, "fingerprint_id": 1, "decision_id": 1, "withdrawn": MOMENT, "version": 6},
    ],
    "actions": [
        {"id": 1, "decision_id": 1, "picture_id": 1, "decides": True, "before": "published", "after": "removed"}
    ],
    "exemptions": [{"picture_id": 2, "entry_id": 1, "decision_id": 1}],
    "checks": [
        {"id": 1, "created": MOMENT, "picture_id": 1, "occasion": "upload", "verdict": "publish", "candidates": 0},
        {"id": 2, "created": MOMENT, "picture_id": 2, "occasion": "upload", "verdict": "hold", "candidates": 1},
    ],
    "matches": [
        {"id": 1, "check_id": 2, "entry_id": 1, "view": 3, "dhash": 11, "phash": 50, "identical": False}
        | {"verdict": "hold", "created": MOMENT}
    ],
    "appeals": [{"id": 1, "created": MOMENT, "picture_id": 1, "text": "It is fine.", "entry_id": 1}],
    "claims": [{"picture_id": 2, "account_id": 2, "until": MOMENT}],
    "known_good": [{"id": 1, "created": MOMENT, "fingerprint_id": 1, "note": "Logo", "removed": MOMENT, "version": 3}],
}
"""A small site, its tables in the order in which they refer to each other."""

ALWAYS: dict[str, dict[str, object]] = {
    "accounts": {"session": "s"},
    "pictures": {"created": MOMENT, "file": "f" * 64, "thumbnail": "t" * 64, "width": 96, "height": 48, "version": 9},
    "checks": {"milliseconds": 7.25},
}

SINCE = {"matches": {"created"}, "pictures": {"down"}}
"""Columns since a later version, whose migration fills them in where rows are older."""


def furnish() -> dict[str, list[dict[str, object]]]:
    """Fill what tables there are, by plain inserts, and return what was written."""
    written = {}
    with db.engine.connect().execution_options(writes=True) as connection, connection.begin():
        metadata = sa.MetaData()
        metadata.reflect(connection)
        for name, rows in ROWS.items():
            if name in metadata.tables:
                table = metadata.tables[name]
                later = SINCE.get(name, set()) - set(table.columns.keys())
                written[name] = [ALWAYS.get(name, {}) | row for row in rows]
                for row in written[name]:
                    here = {key: value for key, value in row.items() if key not in later}
                    connection.execute(sa.insert(table).values(_stored(here)))
        counters = metadata.tables["counters"]
        connection.execute(sa.update(counters).where(counters.c.name == "blocklist").values(version=7))
    return written


def _stored(row: dict[str, object]) -> dict[str, object]:
    """With times as the database takes them: naive on SQLite."""
    if db.engine.dialect.name == "sqlite":
        return row
    return {key: value.replace(tzinfo=UTC) if isinstance(value, datetime) else value for key, value in row.items()}


@pytest.mark.in_haste_on("sqlite")
@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_a_site_of_any_earlier_version_is_brought_up_to_date_with_all_that_is_in_it(empty_app, revision):
    comes_from(revision)


@pytest.mark.only("postgresql")
@pytest.mark.parametrize("revision", [REVISIONS[0], REVISIONS[-2]])
def test_so_are_the_oldest_and_the_latest_on_postgresql_each_time(empty_app, revision):
    comes_from(revision)


def comes_from(revision: str) -> None:
    migrate(revision)
    written = furnish()
    migrate()

    with db.engine.connect() as connection:
        metadata = sa.MetaData()
        metadata.reflect(connection)
        for name, rows in written.items():
            table = metadata.tables[name]
            found = connection.execute(sa.select(table).order_by(*table.primary_key.columns)).mappings().all()
            assert [{key: row[key] for key in wanted} for row, wanted in zip(found, rows, strict=True)] == [
                _stored(row) for row in rows
            ], name
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, db.metadata) == []

    # The models read it, and so do the copies of the lists.
    for mapper in db.Model.registry.mappers:
        rows = db.session.scalars(sa.select(mapper.class_)).all()
        assert len(rows) >= len(written.get(mapper.local_table.name, ()))
    print_ = db.session.get_one(FingerprintRow, 1)
    assert print_.aspect == (2.0 if revision == "0001" else 1.0)
    assert db.session.get_one(Picture, 1).decision.kind is Kind.MARK
    assert db.session.get_one(Account, 2).role is Role.ADMIN
    match = db.session.get_one(Match, 1)
    assert match.created == match.check.created
    assert len(current_parts().blocklist) > 0
    assert [hit.id for hit in current_parts().blocklist.near(PRINT, current_parts().policy)] == [1]
    assert set(epochs()) == {counter.name for counter in db.session.scalars(sa.select(Counter))}
    with writing():
        assert bump("blocklist") == 8


def test_what_was_down_before_that_was_noted_is_so_since_the_latest_that_is_known_of_it(empty_app):
    """Its upload, the decision that stands on it, its last check."""

    def day(number: int) -> datetime:
        return MOMENT + timedelta(days=number)

    def add(name: str, **row: object) -> None:
        connection.execute(sa.insert(metadata.tables[name]).values(_stored(ALWAYS.get(name, {}) | row)))

    cases: dict[int, tuple[str, int | None, list[int]]] = {  # days after its upload: of the decision, of checks
        10: ("refused", None, []),
        11: ("removed", 2, [1]),
        12: ("removed", -1, []),
        13: ("refused", 1, [0, 2, 3]),
        14: ("published", 1, [0]),
    }
    migrate("0018")
    furnish()
    with db.engine.connect().execution_options(writes=True) as connection, connection.begin():
        metadata = sa.MetaData()
        metadata.reflect(connection)
        for id_, (status, decided, checked) in cases.items():
            if decided is not None:
                add("decisions", id=id_, created=day(decided), kind="mark", reason="")
            add("pictures", id=id_, member_id=1, status=status, decision_id=None if decided is None else id_)
            for number in checked:
                check = {"picture_id": id_, "occasion": "upload", "verdict": "refuse", "candidates": 1}
                add("checks", id=10 * id_ + number, created=day(number), **check)
    migrate()
    down = [db.session.get_one(Picture, id_).down for id_ in cases]
    assert down == [one and one.replace(tzinfo=UTC) for one in (day(0), day(2), day(0), day(3), None)]
