"""The connection to the database: how it is opened, how one writes, how lists are versioned."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy.orm import DeclarativeBase, registry

from . import columns

T = TypeVar("T")

NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    # On the registry: on the class, Flask-SQLAlchemy refuses it (its issue #1361).
    registry = registry(type_annotation_map=columns.TYPES)
    metadata = sa.MetaData(naming_convention=NAMES)


class Session(FlaskSession):
    """Ends well also where the database went first: a request that has its answer is not spoilt by that."""

    def close(self) -> None:
        try:
            super().close()
        except sa.exc.OperationalError:  # nothing is left to be rolled back
            self.invalidate()


# After a commit, rows stay as they were written; each write transaction begins by forgetting what was read.
db = SQLAlchemy(model_class=Base, session_options={"class_": Session, "expire_on_commit": False})

BUSY_SECONDS = 20
"""How long one writer waits for another."""

CACHED = 512
"""Kilobytes of an SQLite file that a connection keeps: each thread has one, and the system keeps the file anyway."""

STATEMENTS = 24
"""Prepared statements that a connection keeps: each may take tens of kilobytes."""

CONNECT_SECONDS = 5
"""How long to wait for a PostgreSQL server that does not answer."""

PART = 1000
"""Values that one statement looks for at most: no database takes any number of them."""

WRITERS = 0x6D6F6465
"""The number of the lock that writers share on PostgreSQL."""


def engine_options(url: str, durable: bool) -> dict[str, Any]:
    """Keyword arguments for the engine at that URL. On SQLite the driver is kept from opening transactions itself."""
    if not url.startswith("sqlite"):
        # Days are counted in UTC, also by the database. A transaction that reads sees one moment, as on SQLite: a copy
        # of a list would miss rows that change between its look at the version and its look at the rows.
        return {
            "pool_pre_ping": True,
            "hide_parameters": True,
            "isolation_level": "REPEATABLE READ",
            "connect_args": {
                "options": f"-c timezone=utc -c lock_timeout={BUSY_SECONDS}s"
                + ("" if durable else " -c synchronous_commit=off"),
                "connect_timeout": CONNECT_SECONDS,
            },
        }
    return {
        "hide_parameters": True,  # which a log would show otherwise: hashes of passwords among them
        "connect_args": {"timeout": BUSY_SECONDS, "isolation_level": None, "cached_statements": STATEMENTS},
        "execution_options": {"durable": durable},
    }


def listen(engine: sa.Engine) -> None:
    """Make the database safe for several processes: writers queue, one at a time, and each sees all before it.

    The one place that knows which database it is, for the two say this differently. On SQLite: WAL, foreign keys, and
    a transaction that is going to write says so at its beginning, because one that begins by reading fails at once
    when somebody else has written in between. On PostgreSQL: such a transaction first waits for a lock that all
    writers share, and reads what is committed by then, so that whoever looks and then writes needs to think no further.
    """
    durable = engine.get_execution_options().get("durable", True)
    on_sqlite = engine.dialect.name == "sqlite"

    if on_sqlite:

        @sa.event.listens_for(engine, "connect")
        def prepare(connection: sqlite3.Connection, record: sa.pool.ConnectionPoolEntry) -> None:
            _to_wal(connection)
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
            connection.execute(f"PRAGMA cache_size = -{CACHED}")
            record.info["file"] = _file(engine)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        writes, settles = options.get("writes", False), options.get("settles", True)
        if on_sqlite:
            if durable and writes and settles is not connection.info.get("settles", True):
                # NORMAL leaves the log to the next commit that waits for the disk: it has all before it.
                connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if settles else 'NORMAL'}")
                connection.info["settles"] = settles
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
        elif writes:
            # In one message; what comes after it sees all that was committed before the lock was given.
            connection.exec_driver_sql(
                f"SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({WRITERS})"
                + ("; SET LOCAL synchronous_commit = off" if durable and not settles else "")
            )


def misplaced(connection: sa.Connection) -> bool:
    """Whether SQLite's file was moved or removed since it was opened: nobody finds again what is written to it."""
    return connection.dialect.name == "sqlite" and connection.info.get("file") != _file(connection.engine)


def _file(engine: sa.Engine) -> tuple[int, int] | None:
    """Which file is at the place of SQLite's; None where there is none, as in memory."""
    try:
        found = Path(engine.url.database or "").stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _to_wal(connection: sqlite3.Connection) -> None:
    """SQLite does not wait where several processes turn a new file to WAL at once: all but one are told "locked"."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # Only the lowest byte says what it is; the others, more closely.
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


@contextmanager
def altering(connection: sa.Connection) -> Iterator[None]:
    """A transaction that may alter tables, whatever is in them.

    SQLite alters many a thing only by a copy of the table, whose original it then drops: which foreign keys forbid
    where rows refer to it. So they are not looked at meanwhile, but all of them at the end.
    """
    if connection.dialect.name != "sqlite":
        with connection.begin():
            yield
        return
    database = connection.connection
    database.execute("PRAGMA foreign_keys = OFF")  # heard outside of transactions only
    try:
        with connection.begin():
            yield
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            if broken:
                raise sa.exc.IntegrityError("PRAGMA foreign_key_check", None, ValueError(f"{broken} refers to nothing"))
    finally:
        database.execute("PRAGMA foreign_keys = ON")


@contextmanager
def writing(settle: bool = True) -> Iterator[None]:
    """A write transaction: committed at the end, rolled back whole on an error.

    Without `settle` it is safe from a power cut only when a later one is; other processes see it all the same.

    What the session has read before is let go first: a decision must rest on what is true when it is written.
    """
    if db.session.info.get("writing") or db.session.new or db.session.dirty or db.session.deleted:
        raise RuntimeError("There are changes outside a write transaction, or one inside another.")
    db.session.rollback()
    db.session.expire_all()  # which a rollback does only where something was read since the last commit
    db.session.connection(execution_options={"writes": True, "settles": settle})
    db.session.info["writing"] = True
    try:
        yield
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise
    finally:
        db.session.info["writing"] = False


def in_parts(query: sa.Select[*tuple[Any, ...]], column: Any, values: Sequence[Any]) -> Iterator[Any]:
    """The rows where the column is one of those, however many they are."""
    for some in portions(values):
        yield from db.session.execute(query.where(column.in_(some)))


def portions(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """The values in their order, so many at a time as one statement takes."""
    for start in range(0, len(values), PART):
        yield values[start : start + PART]


def glance(query: sa.Select[Any], values: dict[str, Any]) -> tuple[Any, ...] | None:
    """The first row, if there is one, as it is committed and as the driver gives it.

    Asked of the driver itself: by SQLAlchemy, small questions that are asked all the time take several times as long.
    """
    engine = db.engine
    compiled = _compiled(query, engine.dialect)
    given = compiled.construct_params(values)
    try:
        raw = engine.raw_connection()
    except engine.dialect.loaded_dbapi.OperationalError as error:
        raise sa.exc.OperationalError(None, None, error) from error
    # Drivers have their own kinds of errors. Who asks again in the usual way is told what it is.
    with closing(raw), suppress(Exception), closing(raw.cursor()) as cursor:
        cursor.execute(compiled.string, [given[name] for name in compiled.positiontup or ()] or given)
        return cast("tuple[Any, ...] | None", cursor.fetchone())
    with engine.connect() as connection:
        row = connection.execute(query, values).first()
        return tuple(row) if row else None


@lru_cache(maxsize=16)
def _compiled(query: sa.Select[Any], dialect: sa.Dialect) -> sa.sql.compiler.SQLCompiler:
    return query.compile(dialect=dialect)


def tune() -> None:
    """Have SQLite look at a sample of its tables, by which it chooses indexes. PostgreSQL does so by itself.

    Where somebody is writing, it is left for the next time: no start waits for that.
    """
    if db.engine.dialect.name == "sqlite":
        with db.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA analysis_limit = 1000")
            connection.exec_driver_sql("PRAGMA busy_timeout = 0")
            with suppress(sa.exc.OperationalError):
                connection.exec_driver_sql("ANALYZE")
                connection.commit()
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")


def vacuum() -> None:
    """Have PostgreSQL look which pages hold nothing but what everybody sees: those it can count in an index alone.

    By itself it does so when a fifth of a large table is new, and statistics ask for what is newest. SQLite needs none.
    """
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM (ANALYZE, SKIP_LOCKED)")
