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

from . import audit, schema
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

OF_ROWS = (sa.exc.IntegrityError, sa.exc.DataError, sa.exc.ProgrammingError)
"""What a database says of rows that it cannot take; all else that it says is of itself, and no word on the file."""

COUNTERS = "counters"
"""The versions of the lists: always there, so that who waits to write finds them, and never loaded with its epochs."""

UNREADABLE = "its description cannot be read"

TAKEN = "There is a site here already. To overwrite it, add --replace. Nothing was changed."


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
        elif _is_picture(name):
            key = _key(name)
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
        return _empty(connection)


def _empty(connection: sa.Connection) -> bool:
    kept = [table for table in tables(connection) if table.name in WORTH]
    return not any(connection.execute(sa.select(sa.literal(1)).select_from(one).limit(1)).first() for one in kept)


def load(
    parts: Parts,
    backup: Backup,
    step: Callable[[], None] = lambda: None,
    replace: bool = True,
    prepare: Callable[[], None] = lambda: None,
) -> None:
    """Put the backup in the place of what the database holds, which has the tables of its revision.

    All or nothing; picture files are added, none is deleted. The lists begin a new epoch, so that no process goes on
    with what it has read before. Calls `step` for each picture, and then, before it looks at the database, `prepare`.
    Raises `Refusal` where there are other tables by then, or, unless it may `replace` one, a site.
    """
    try:
        _store(parts, backup.path, _is_picture, step)
    except OSError as error:
        raise Refusal(f"The pictures cannot be stored: {error.strerror}. Nothing was changed.") from error
    prepare()
    try:
        with writing():
            _look(db.session.connection(), backup, replace)
            _load_rows(db.session.connection(), backup)
            if AUDIT in backup.rows:  # which an earlier version did not have
                audit.record(Event.RESTORED, None, written=backup.created)
    except (sa.exc.StatementError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as error:
        if isinstance(error, sa.exc.DBAPIError) and not isinstance(error, OF_ROWS):
            raise
        raise _damaged(backup.path, f"its rows do not fit: {type(error).__name__}") from error
    try:
        # What nothing needed before the rows were there, others may have deleted since it was looked for.
        _store(parts, backup.path, lambda name: _is_picture(name) and not parts.store.has(_key(name)))
    except (OSError, Refusal) as error:
        why = error.strerror if isinstance(error, OSError) else f"{backup.path} cannot be read any more"
        raise Refusal(f"All rows are restored, but maybe not all pictures: {why}. The doctor tells which.") from error


def _store(parts: Parts, path: Path, wanted: Callable[[str], bool], step: Callable[[], None] = lambda: None) -> None:
    for _, content in _parts_of(path, wanted):
        parts.store.put(content, settle=False)
        step()
    parts.store.settle()


def _look(connection: sa.Connection, backup: Backup, replace: bool) -> None:
    """Raises `Refusal` where the backup may not be loaded into what is there. Nobody else can write any more."""
    if schema.revision(connection) != backup.revision:
        raise Refusal(
            "Something else brought the tables up to date meanwhile. Please restore it again, while nothing else runs "
            "on this site. Nothing was changed."
        )
    if not replace and not _empty(connection):
        raise Refusal(TAKEN)


def _load_rows(connection: sa.Connection, backup: Backup) -> None:
    by_name = {table.name: table for table in tables(connection)}
    counters = by_name[COUNTERS]
    # Who wants to change a list waits from here on.
    connection.execute(sa.update(counters).values(version=counters.c.version))
    for table in reversed(by_name.values()):
        if table.name != COUNTERS:
            connection.execute(sa.delete(table))
    for name, content in _parts_of(backup.path, lambda name: name.startswith(f"{ROWS}/")):
        table = by_name[name.split("/")[1]]
        rows = _rows(table, backup.columns[table.name], content)
        if table.name == COUNTERS:
            for row in rows:
                values = {**row, "epoch": str(uuid.uuid4())}
                raised = sa.update(counters).where(counters.c.name == row["name"])
                if not connection.execute(raised.values(values)).rowcount:  # lost, for which a backup is restored
                    connection.execute(sa.insert(counters).values(values))
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


def _is_picture(name: str) -> bool:
    return name.startswith(f"{PICTURES}/")


def _key(name: str) -> str:
    """The key of the picture that has that name in a backup."""
    return name.removeprefix(f"{PICTURES}/").removesuffix(".jpg")


def _parts_of(path: Path, wanted: Callable[[str], bool] = lambda _name: True) -> Iterator[tuple[str, bytes]]:
    """Each part of the file, in order, or those wanted; never unpacked to the disk, whatever its name is."""
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                tar.members.clear()  # type: ignore[attr-defined] # which would grow with every picture
                if not wanted(member.name):
                    continue
                file = tar.extractfile(member) if member.isreg() and member.size <= LARGEST else None
                content = file.read() if file else None
                if content is None or len(content) != member.size:
                    raise _damaged(path, "a part of it cannot be read")
                yield member.name, content
    except (tarfile.TarError, EOFError, OverflowError, MemoryError) as error:
        raise Refusal(f"{path} is not a backup of moderation, or it is damaged.") from error
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror}.") from error


def _head(path: Path, name: str, content: bytes) -> dict[str, Any]:
    head = _read(path, content) if name == HEAD else {}
    if "moderation backup" not in head:
        raise Refusal(f"{path} is not a backup of moderation.")
    if head["moderation backup"] != FORMAT:
        raise Refusal(f"{path} was written by another version, {head.get('version')}, in a way that is not known here.")
    if not (isinstance(head.get("created"), str) and isinstance(head.get("revision"), str) and _has_columns(head)):
        raise _damaged(path, UNREADABLE)
    return head


def _has_columns(head: dict[str, Any]) -> bool:
    """Whether each table has a list of names."""
    by_table = head.get("tables")
    if not isinstance(by_table, dict) or not all(isinstance(names, list) for names in by_table.values()):
        return False
    return all(isinstance(name, str) for names in by_table.values() for name in names)


def _read(path: Path, content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, UNREADABLE) from error
    if not isinstance(found, dict):
        raise _damaged(path, UNREADABLE)
    return found


def _damaged(path: Path, why: str) -> Refusal:
    return Refusal(f"{path} is damaged: {why}. Nothing was changed.")
