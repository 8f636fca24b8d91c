"""A site in one file, written while it runs."""

import base64
import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from . import audit
from .audit import Event
from .columns import now
from .database import db, writing
from .errors import Refusal
from .parts import Parts

FORMAT = 1
"""Of the file. It is a tar of `HEAD`, the rows of each table in pieces, the pictures under their keys, and `MANIFEST`.

A row is a line of JSON, a list in the order of the columns that `HEAD` names; the manifest has what is known at the end
only: how many rows and pictures there are, and the SHA-256 of each piece. A picture's is its name.
"""

HEAD, MANIFEST, ROWS, PICTURES = "backup.json", "manifest.json", "rows", "pictures"

PIECE = 4_000_000
"""Bytes of rows in one piece, about."""

NOT_KEPT = ("alembic_version",)
"""Tables of the database itself."""


@dataclass(frozen=True)
class Written:
    """What is in a backup, and how many picture files that are still needed are not: they are missing or damaged."""

    rows: int
    pictures: int
    missing: int


def backup(parts: Parts, path: Path, pictures: bool = True, step: Callable[[], None] = lambda: None) -> Written:
    """Write the site to a new file, as it is at this moment, in whatever is going on. Calls `step` for each picture.

    All rows are of one moment, and the files of every row were there before the row was. Writers do not wait for it,
    nor it for them. Raises `Refusal` where the file exists; a file that is broken off has another name.
    """
    if path.exists():
        raise Refusal(f"{path} exists already. Please name a file that does not.")
    try:
        with _unfinished(path) as file, db.engine.connect() as connection:
            written = _Writer(file, of_one_moment(connection), pictures).write(parts, step)
        with writing():
            audit.record(Event.BACKUP, None, rows=written.rows, pictures=written.pictures)
    except OSError as error:
        raise Refusal(f"{path} cannot be written: {error.strerror}.") from error
    return written


@contextmanager
def _unfinished(path: Path) -> Iterator[io.BufferedWriter]:
    """A file that has this name when it is whole, and until then one of its own, whoever else writes to that name.

    Passwords' hashes and members' pictures are in it: for nobody else on the machine, which is how it is made.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".unfinished", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        if path.exists():
            raise Refusal(f"{path} was written meanwhile. Please name a file that does not exist.")
        Path(name).rename(path)
    finally:
        Path(name).unlink(missing_ok=True)


def of_one_moment(connection: sa.Connection) -> sa.Connection:
    """A connection all of whose answers are of the moment of the first one, however long it reads.

    That is how SQLite reads in WAL mode. PostgreSQL has to be asked for it.
    """
    if connection.dialect.name == "postgresql":
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
    return connection.execution_options(yield_per=500)  # never a table in memory


def tables(connection: sa.Connection) -> list[sa.Table]:
    """The tables as they are in the database, each after those that it refers to."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name not in NOT_KEPT]


class _Writer:
    def __init__(self, file: io.BufferedWriter, connection: sa.Connection, pictures: bool) -> None:
        self._tar = tarfile.open(fileobj=file, mode="w")  # noqa: SIM115 - closed by `write`
        self._connection = connection
        self._pictures = pictures
        self._sums: dict[str, str] = {}

    def write(self, parts: Parts, step: Callable[[], None]) -> Written:
        revision = self._connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        kept = tables(self._connection)
        head = {
            "moderation backup": FORMAT,
            "version": version("moderation"),
            "revision": revision,
            "created": now().isoformat(),
            "pictures": self._pictures,
            "tables": {table.name: table.columns.keys() for table in kept},
        }
        self._add(HEAD, json.dumps(head, indent=1).encode())
        rows = {table.name: self._add_rows(table) for table in kept}
        pictures, missing = self._add_pictures(parts, step) if self._pictures else (0, 0)
        manifest = {"rows": rows, "pictures": pictures, "missing": missing, "sha256": self._sums}
        self._add(MANIFEST, json.dumps(manifest, indent=1).encode())
        self._tar.close()
        return Written(sum(rows.values()), pictures, missing)

    def _add_rows(self, table: sa.Table) -> int:
        number = 0
        with self._connection.execute(_all(table)) as rows:
            for piece, (lines, count) in enumerate(_pieces(plain(row) for row in rows)):
                name = f"{ROWS}/{table.name}/{piece:06}.jsonl"
                self._add(name, lines)
                number += count
        return number

    def _add_pictures(self, parts: Parts, step: Callable[[], None]) -> tuple[int, int]:
        pictures = missing = 0
        with closing(keys(self._connection)) as needed:
            for key in needed:
                step()
                content = _whole(parts, key)
                if content is None:
                    missing += _is_needed(key)
                    continue
                self._add(name_of(key), content, summed=False)
                pictures += 1
        return pictures, missing

    def _add(self, name: str, content: bytes, summed: bool = True) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = len(content), int(now().timestamp()), 0o600
        self._tar.addfile(info, io.BytesIO(content))
        self._tar.members.clear()  # type: ignore[attr-defined] # which would grow with every picture
        if summed:
            self._sums[name] = hashlib.sha256(content).hexdigest()


def _whole(parts: Parts, key: str) -> bytes | None:
    """The picture file; None where it is missing, or damaged, for which the whole backup would be refused."""
    try:
        content = parts.store.get(key)
    except (KeyError, OSError):
        return None
    return content if hashlib.sha256(content).hexdigest() == key else None


def _is_needed(key: str) -> bool:
    """Whether a row still names the file, in what is committed now: its member may have been erased meanwhile."""
    pictures = sa.table("pictures", sa.column("file"), sa.column("thumbnail"))
    named = sa.or_(pictures.c.file == key, pictures.c.thumbnail == key)
    with db.engine.connect() as connection:
        return connection.execute(sa.select(sa.literal(1)).select_from(pictures).where(named)).first() is not None


def name_of(key: str) -> str:
    """The name that a picture file has in a backup."""
    return f"{PICTURES}/{key}.jpg"


def keys(connection: sa.Connection) -> Generator[str, None, None]:
    """The picture files that rows need, in order, each once."""
    pictures = sa.table("pictures", sa.column("file"), sa.column("thumbnail"))
    needed = sa.union(sa.select(pictures.c.file.label("key")), sa.select(pictures.c.thumbnail)).subquery()
    with connection.execute(sa.select(needed.c.key).where(needed.c.key != "").order_by(needed.c.key)) as found:
        yield from found.scalars()


def _all(table: sa.Table) -> sa.Select[Any]:
    return sa.select(table).order_by(*table.primary_key.columns)


def plain(row: Iterable[object]) -> list[object]:
    """A row's values as JSON knows them; times in UTC."""
    return [_plain(value) for value in row]


def _plain(value: object) -> object:
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return (value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value).isoformat()
    return value


def _pieces(rows: Iterable[list[object]]) -> Iterator[tuple[bytes, int]]:
    """The rows as lines, in pieces, each with the number of its rows."""
    lines: list[bytes] = []
    size = 0
    for row in rows:
        line = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        lines.append(line)
        size += len(line)
        if size >= PIECE:
            yield b"".join(lines), len(lines)
            lines, size = [], 0
    if lines:
        yield b"".join(lines), len(lines)
