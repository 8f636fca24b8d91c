"""A collection: the index of folders of pictures, in an SQLite file of its own."""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import TracebackType

from .errors import Refusal
from .fingerprint import RECIPE, Fingerprint
from .folders import PictureFile, Reading, Unread, absolute, find, read
from .index import ScanEngine
from .matcher import Matcher
from .matching import Hit, Policy, Zone
from .pool import read_all

WITHIN = Policy().refuse.dhash
"""How many bits of the dHash's 64 a copy may differ in, unless one asks for another distance."""

CONFIRMED = Policy().refuse.phash
"""How many bits of the pHash's 256 a copy may differ in, always."""

KEPT_AFTER = 1.0
"""Seconds after which what was read is committed: each time costs some, on a slow disk most of one."""

BUSY_SECONDS = 20
"""How long one process waits for another that writes."""

APPLICATION = 0x6D6F6466
FORMAT = 1

# File names are bytes: not every one is text, so paths are stored as they are on the disk.
TABLES = (
    """CREATE TABLE pictures (
        path BLOB PRIMARY KEY,
        size INTEGER NOT NULL,
        mtime INTEGER NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        views BLOB NOT NULL,
        detail INTEGER NOT NULL,
        pixels BLOB,
        recipe INTEGER NOT NULL
    )""",
    # Of the path, not of the row: they outlive a picture that is moved away and comes back.
    """CREATE TABLE pages (
        number INTEGER PRIMARY KEY,
        path BLOB NOT NULL,
        page TEXT NOT NULL,
        UNIQUE (path, page)
    )""",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {FORMAT}",
)


@dataclass(frozen=True)
class Plan:
    """What has changed below a folder since it was indexed."""

    changed: list[Path]  # new files, and those of another size, mtime or recipe
    unchanged: int
    gone: list[Path]
    unlisted: list[Unread]


class Collection:
    """A context: inside it, whatever SQLite complains of becomes a `Refusal`."""

    def __init__(self, path: Path, create: bool = False) -> None:
        """Open the file, or make it. Raises `Refusal` if it is missing, or anything but a collection."""
        self._path = path
        if not create and not path.is_file():
            raise Refusal(f"There is no index {path}.")
        try:
            mode = "rwc" if create else "rw"
            address = f"{path.absolute().as_uri()}?mode={mode}"
            self._connection = sqlite3.connect(address, timeout=BUSY_SECONDS, isolation_level=None, uri=True)
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        try:
            self._prepare(create)
        except sqlite3.Error as error:
            self._connection.close()
            raise self._unusable(error) from error
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> "Collection":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        if isinstance(error, sqlite3.Error):
            raise self._unusable(error) from error

    def __len__(self) -> int:
        return self._number("SELECT count(*) FROM pictures")

    def outdated(self) -> int:
        """Pictures whose fingerprints another version of this program made: they are not compared."""
        return self._number("SELECT count(*) FROM pictures WHERE recipe != ?", RECIPE)

    def pictures(self) -> list[PictureFile]:
        """All that can be compared, by path."""
        rows = self._connection.execute("SELECT * FROM pictures WHERE recipe = ? ORDER BY path", [RECIPE])
        return [_picture(*row) for row in rows]

    def search(
        self, asked: Fingerprint, within: int = WITHIN, looked: Callable[[], None] = lambda: None
    ) -> list[tuple[Hit, PictureFile]]:
        """The near copies of a picture, nearest first; `looked` is called once for each picture."""
        # What is made of every row is no more than what comparing takes: there may be a million, and few are hits.
        rows = self._connection.execute(
            "SELECT path, views, detail, pixels, recipe FROM pictures WHERE recipe = ? ORDER BY path", [RECIPE]
        )
        paths: list[bytes] = []
        prints: list[Fingerprint] = []
        for path, *print_ in rows:
            paths.append(path)
            prints.append(Fingerprint.unpack(*print_))
            looked()
        found = [(hit, self._known(paths[hit.id])) for hit in copies(matcher(prints), asked, within)]
        return [(hit, picture) for hit, picture in found if picture is not None]

    def plan(self, folder: Path) -> Plan:
        """Compare the folder tree with the index. Raises `Refusal` if there is no such folder."""
        listing = find(folder)
        known = self._known_below(absolute(folder))
        changed = [path for path in listing.paths if known.get(path) is None or known[path] != _state(path)]
        # What lies in a folder that cannot be looked into may still be there.
        hidden = [one.path for one in listing.unlisted]
        missing = known.keys() - set(listing.paths)
        gone = [path for path in missing if not any(path.is_relative_to(folder) for folder in hidden)]
        return Plan(changed, len(listing.paths) - len(changed), sorted(gone), listing.unlisted)

    def update(self, plan: Plan, seen: Callable[[Reading], None]) -> None:
        """Carry out a plan, over all cores; `seen` is told of each file.

        Whatever ends it, what was read is kept; of a kill or a power cut, all but the last second.
        """
        self.forget(plan.gone)
        batch: list[Reading] = []
        kept = monotonic()
        try:
            with closing(read_all(plan.changed, read)) as readings:
                for reading in readings:
                    batch.append(reading)
                    if monotonic() - kept >= KEPT_AFTER:
                        self._keep(batch)
                        batch, kept = [], monotonic()
                    seen(reading)
        finally:
            self._keep(batch)

    def forget(self, paths: Iterable[Path]) -> None:
        """Drop those pictures; an index made later finds them again, with their pages."""
        with self._writing():
            self._forget(paths)

    def remember(self, pages: Sequence[tuple[Path, str]]) -> None:
        """That each picture is on that page: pairs of path and page, in place of all that was known of those paths."""
        rows = [(os.fsencode(path), page) for path, page in pages]
        with self._writing():
            self._connection.executemany("DELETE FROM pages WHERE path = ?", {(path,) for path, _ in rows})
            self._connection.executemany("INSERT OR IGNORE INTO pages (path, page) VALUES (?, ?)", rows)

    def pages(self, path: Path) -> list[str]:
        """The pages that a picture is on, in the order in which they were given."""
        rows = self._connection.execute("SELECT page FROM pages WHERE path = ? ORDER BY number", [os.fsencode(path)])
        return [page for (page,) in rows]

    def paths(self) -> list[Path]:
        """The paths of all pictures, sorted."""
        return [_path(path) for (path,) in self._connection.execute("SELECT path FROM pictures ORDER BY path")]

    def _prepare(self, create: bool) -> None:
        with self._writing() if create else _nothing():
            application = self._number("PRAGMA application_id")
            if create and application == 0 and self._number("SELECT count(*) FROM sqlite_master") == 0:
                for statement in TABLES:
                    self._connection.execute(statement)
            elif application != APPLICATION:
                raise Refusal(f"{self._path} is not an index of pictures. Please choose another file.")
            elif self._number("PRAGMA user_version") != FORMAT:
                raise Refusal(f"{self._path} is the index of another version of this program. Please make a new one.")

    def _known_below(self, folder: Path) -> dict[Path, tuple[int, int] | None]:
        """Size and mtime, by path, of the pictures below a folder; None where the fingerprint is out of date."""
        below = os.fsencode(folder).rstrip(b"/") + b"/"
        rows = self._connection.execute(
            "SELECT path, size, mtime, recipe FROM pictures WHERE path >= ? AND path < ?",
            [below, below[:-1] + b"0"],
        )
        return {_path(path): (size, mtime) if recipe == RECIPE else None for path, size, mtime, recipe in rows}

    def _keep(self, readings: Sequence[Reading]) -> None:
        with self._writing():
            self._forget(reading.path for reading in readings)
            self._connection.executemany(
                "INSERT INTO pictures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [_row(reading) for reading in readings if isinstance(reading, PictureFile)],
            )

    def _forget(self, paths: Iterable[Path]) -> None:
        self._connection.executemany("DELETE FROM pictures WHERE path = ?", [(os.fsencode(path),) for path in paths])

    def _known(self, path: bytes) -> PictureFile | None:
        row = self._connection.execute("SELECT * FROM pictures WHERE path = ?", [path]).fetchone()
        return row and _picture(*row)

    def _number(self, query: str, *values: int) -> int:
        number: int = self._connection.execute(query, values).fetchone()[0]
        return number

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # SQLite has rolled back by itself where the disk was full.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _unusable(self, error: sqlite3.Error) -> Refusal:
        return Refusal(f"The index {self._path} cannot be used: {error}.")


def matcher(prints: Iterable[Fingerprint]) -> Matcher:
    """The fingerprints ready to be compared; their places are the ids."""
    ready = Matcher(ScanEngine)
    ready.put(enumerate(prints), weak_by_hash=False)
    return ready


def copies(ready: Matcher, asked: Fingerprint, within: int = WITHIN) -> list[Hit]:
    """The near copies of a picture, nearest first: the confirmed relation of search and duplicates alike."""
    zone = Zone(within, CONFIRMED)
    near = ready.near(asked, Policy(refuse=zone, hold=zone, widest=within), by_hash=not asked.weak)
    found = [hit for hit in near if hit.identical or zone.has(hit)]
    return sorted(found, key=lambda hit: (hit.dhash, hit.phash, hit.id))


def _state(path: Path) -> tuple[int, int] | None:
    """Size and mtime, None where the file went away a moment ago."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _path(stored: bytes) -> Path:
    return Path(os.fsdecode(stored))


def _picture(
    path: bytes, size: int, mtime: int, width: int, height: int, views: bytes, detail: int, pixels: bytes, recipe: int
) -> PictureFile:
    return PictureFile(_path(path), size, mtime, width, height, Fingerprint.unpack(views, detail, pixels, recipe))


def _row(picture: PictureFile) -> tuple[bytes | int | None, ...]:
    print_ = picture.fingerprint
    known = (picture.size, picture.mtime, picture.width, picture.height)
    return (os.fsencode(picture.path), *known, print_.views.tobytes(), print_.detail, print_.pixels, print_.recipe)


@contextmanager
def _nothing() -> Iterator[None]:
    yield
