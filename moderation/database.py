"""The connection to the database: how it is opened, how one writes, how lists are versioned."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, registry

from . import columns

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


# After a commit, rows stay as they were written; each write transaction begins by forgetting what was read.
db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})

BUSY_SECONDS = 20
"""How long one writer waits for another on SQLite."""


def engine_options(url: str, durable: bool) -> dict[str, Any]:
    """Keyword arguments for the engine at that URL. On SQLite the driver is kept from opening transactions itself."""
    if not url.startswith("sqlite"):
        # Days are counted in UTC, also by the database.
        return {"pool_pre_ping": True, "connect_args": {"options": "-c timezone=utc"}}
    return {
        "connect_args": {"timeout": BUSY_SECONDS, "isolation_level": None},
        "execution_options": {"durable": durable},
    }


def listen(engine: sa.Engine) -> None:
    """Make SQLite safe for several processes: WAL, foreign keys, and writers that queue instead of failing.

    A transaction that begins by reading and then writes fails at once, with no waiting, when somebody else has
    written in between; so writers say so at the beginning (`writing`).
    """
    if engine.dialect.name != "sqlite":
        return
    synchronous = "FULL" if engine.get_execution_options().get("durable", True) else "OFF"

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        _to_wal(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA synchronous = {synchronous}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _to_wal(connection: sqlite3.Connection) -> None:
    """SQLite does not wait where several processes turn a new file to WAL at once: all but one are told "locked"."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


@contextmanager
def writing() -> Iterator[None]:
    """A write transaction: committed at the end, rolled back whole on an error.

    What the session has read before is let go first: a decision must rest on what is true when it is written.
    """
    if db.session.info.get("writing") or db.session.new or db.session.dirty or db.session.deleted:
        raise RuntimeError("There are changes outside a write transaction, or one inside another.")
    db.session.rollback()
    db.session.expire_all()  # which a rollback does only where something was read since the last commit
    db.session.connection(execution_options={"writes": True})
    db.session.info["writing"] = True
    try:
        yield
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise
    finally:
        db.session.info["writing"] = False
