"""A backup read back: looked through whole first, then loaded in one transaction."""

import base64
import hashlib
import json
import tarfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from . import audit
from .audit import Event
from .backup import FORMAT, HEAD, MANIFEST, PICTURES, ROWS, tables
from .database import db, writing
from .errors import Refusal
from .filestore import KEY
from .parts import Parts

LARGEST = 256_000_000
"""Bytes of one part of a backup at most; what is larger is none of ours."""

AUDIT = "audit"

WORTH = ("accounts", "decisions", "entries", "pictures")
"""Tables that make a site worth keeping; others tell of starts and of attempts to sign in."""

COUNTERS = "counters"
"""The versions of the lists: always there, so that who waits to write finds them, and never loaded with its epochs."""


@dataclass(frozen=True)
class Backup:
    """A backup file that was looked through: all of it is there, and as it was written."""

    path: Path
    created: str
    revision: str  # of the tables
    columns: dict[str, list[str]]  # by table
    rows: dict[str, int]  # by table
    pictures: int
    missing: int


def examine(path: Path) -> Backup:
    """Read a backup from end to end. Raises `Refusal` if it is another file, or damaged."""
    sums: dict[str, str] = {}
    rows: dict[str, int] = {}
    pictures = 0
    head: dict[str, Any] = {}
    manifest: dict[str, Any] | None = None
    for name, content in _parts_of(path):
        if not head:
            head = _head(path, name, content)
            rows = dict.fromkeys(head["tables"], 0)
        elif name == MANIFEST:
            manifest = _read(path, content)
            continue
        elif name.startswith(f"{PICTURES}/"):
            key = name.removeprefix(f"{PICTURES}/").removesuffix(".jpg")
            if not KEY.fullmatch(key) or hashlib.sha256(content).hexdigest() != key:
                raise _damaged(path, f"the picture {key[:12]} is not as it was written")
            pictures += 1
            continue
        else:
            table = name.split("/")[1] if name.startswith(f"{ROWS}/") else ""
            if table not in rows:
                raise _damaged(path, "it has a part that is not known")
            rows[table] += content.count(b"\n")
        sums[name] = hashlib.sha256(content).hexdigest()
    if manifest is None:
        raise _damaged(path, "its end is missing")
    if (manifest.get("sha256"), manifest.get("rows"), manifest.get("pictures")) != (sums, rows, pictures):
        raise _damaged(path, "not all of it is there, or as it was written")
    return Backup(path, head["created"], head["revision"], head["tables"], rows, pictures, manifest.get("missing", 0))


def is_empty() -> bool:
    """Whether nobody has done anything yet on the site whose database this is."""
    with db.engine.connect() as connection:
        kept = [table for table in tables(connection) if table.name in WORTH]
        return not any(connection.execute(sa.select(sa.literal(1)).select_from(one).limit(1)).first() for one in kept)


def load(parts: Parts, backup: Backup, step: Callable[[], None] = lambda: None) -> None:
    """Put the backup in the place of what the database holds, which has the tables of its revision.

    All or nothing; picture files are added, none is deleted. The lists begin a new epoch, so that no process goes on
    with what it has read before. Calls `step` for each picture.
    """
    try:
        for name, content in _parts_of(backup.path):
            if name.startswith(f"{PICTURES}/"):
                parts.store.put(content, settle=False)
                step()
        parts.store.settle()
        with writing():
            _load_rows(db.session.connection(), backup)
            if AUDIT in backup.rows:  # which an earlier version did not have
                audit.record(Event.RESTORED, None, written=backup.created)
    except (sa.exc.SQLAlchemyError, ValueError, LookupError, TypeError) as error:
        raise _damaged(backup.path, f"its rows do not fit: {type(error).__name__}") from error
    except OSError as error:
        raise Refusal(f"The pictures cannot be stored: {error.strerror}. Nothing was changed.") from error


def _load_rows(connection: sa.Connection, backup: Backup) -> None:
    by_name = {table.name: table for table in tables(connection)}
    counters = by_name[COUNTERS]
    # Who wants to change a list waits from here on.
    connection.execute(sa.update(counters).values(version=counters.c.version))
    for table in reversed(by_name.values()):
        if table.name != COUNTERS:
            connection.execute(sa.delete(table))
    for name, content in _parts_of(backup.path):
        if not name.startswith(f"{ROWS}/"):
            continue
        table = by_name[name.split("/")[1]]
        rows = _rows(table, backup.columns[table.name], content)
        if table.name == COUNTERS:
            for row in rows:
                raised = sa.update(counters).where(counters.c.name == row["name"])
                connection.execute(raised.values(version=row["version"], epoch=str(uuid.uuid4())))
        elif rows:
            connection.execute(sa.insert(table), rows)
    continue_numbers(connection)


def continue_numbers(connection: sa.Connection) -> None:
    """On PostgreSQL the ids that come next are counted apart from those that rows have; SQLite looks at the rows."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables(connection):
        if "id" in table.columns:
            sequence = connection.scalar(sa.select(sa.func.pg_get_serial_sequence(table.name, "id")))
            last = connection.scalar(sa.select(sa.func.max(table.c.id)))
            if sequence and last:
                connection.execute(sa.select(sa.func.setval(sequence, last)))


def _rows(table: sa.Table, columns: list[str], content: bytes) -> list[dict[str, object]]:
    """The rows of one piece, with the values that the table's columns take."""
    aware = db.engine.dialect.name != "sqlite"
    converters = [_converter(table.columns[name].type, aware) for name in columns]
    return [
        {
            name: value if value is None else convert(value)
            for name, convert, value in zip(columns, converters, json.loads(line), strict=True)
        }
        for line in content.splitlines()
    ]


def _converter(kind: sa.types.TypeEngine[Any], aware: bool) -> Callable[[Any], object]:
    if isinstance(kind, sa.LargeBinary):
        return base64.b64decode
    if isinstance(kind, sa.DateTime):
        zone = UTC if aware else None
        return lambda value: datetime.fromisoformat(value).replace(tzinfo=zone)
    return lambda value: value


def _parts_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """Each part of the file, in order; never unpacked to the disk, whatever its name is."""
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                tar.members.clear()  # type: ignore[attr-defined] # which would grow with every picture
                file = tar.extractfile(member) if member.isreg() and member.size <= LARGEST else None
                content = file.read() if file else None
                if content is None or len(content) != member.size:
                    raise _damaged(path, "a part of it cannot be read")
                yield member.name, content
    except (tarfile.TarError, EOFError) as error:
        raise Refusal(f"{path} is not a backup of moderation, or it is damaged.") from error
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror}.") from error


def _head(path: Path, name: str, content: bytes) -> dict[str, Any]:
    head = _read(path, content) if name == HEAD else {}
    if "moderation backup" not in head:
        raise Refusal(f"{path} is not a backup of moderation.")
    if head["moderation backup"] != FORMAT:
        raise Refusal(f"{path} was written by another version, {head.get('version')}, in a way that is not known here.")
    return head


def _read(path: Path, content: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(content)
    except ValueError as error:
        raise _damaged(path, "its description cannot be read") from error
    return found


def _damaged(path: Path, why: str) -> Refusal:
    return Refusal(f"{path} is damaged: {why}. Nothing was changed.")
