"""Picture files by the hash of their content, in a folder."""

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

Needed = Callable[[set[str]], set[str]]
"""Which of those keys some row names, in the database as it is at the moment of the call."""

KEY = re.compile("[0-9a-f]{64}")
"""A key: the SHA-256 of the content in hexadecimal."""


class FileStore(Protocol):
    """Files that never change: their name is the hash of what is in them, so a write may be repeated."""

    def put(self, content: bytes, settle: bool = True) -> str:
        """Keep the content and return its key. Without `settle` it is safe from a power cut after `settle()` only."""

    def get(self, key: str) -> bytes:
        """The content. Raises `KeyError` where there is none."""

    def has(self, key: str) -> bool: ...

    def settle(self) -> None:
        """Wait until the disk has all that was put."""

    def stored(self) -> Iterator[tuple[str, float]]:
        """Every key, in order, and since how many seconds it is there."""

    def discard(self, keys: Collection[str], needed: Needed) -> int:
        """Delete what is not needed, which is asked once it is out of sight; how much is gone.

        Who writes a row that names a file looks, when the row is committed, whether the file is there still, and puts
        it again if not. So whichever comes first, the row is seen here, or the gap there.
        """

    def leftovers(self, older: float) -> Sequence[Path]:
        """What writes and deletions that were broken off so many seconds ago have left."""

    def tidy(self, older: float, needed: Needed) -> int:
        """Clear those away, as far as they can be; how many files it was."""

    def probe(self) -> None:
        """Raises `OSError` where nothing can be written."""


class Folder:
    """A file store in a folder, as `ab/abcd....jpg`."""

    def __init__(self, root: Path, durable: bool = True) -> None:
        self.root = root
        self._durable = durable
        root.mkdir(parents=True, exist_ok=True)

    def put(self, content: bytes, settle: bool = True) -> str:
        key = hashlib.sha256(content).hexdigest()
        path = self._path(key)
        durable = self._durable and settle
        if not path.exists():
            self._make_room(path.parent)
            # Under another name first: a file is there whole or not at all.
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
                try:
                    file.write(content)
                    file.flush()
                    if durable:
                        os.fsync(file.fileno())
                    Path(file.name).rename(path)
                except BaseException:
                    Path(file.name).unlink(missing_ok=True)
                    raise
            if durable:
                _sync_folder(path.parent)
        return key

    def get(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            raise KeyError(key) from None

    def has(self, key: str) -> bool:
        try:
            return self._path(key).is_file()
        except OSError:  # what cannot be looked at is not there for anybody
            return False

    def settle(self) -> None:
        if self._durable:
            os.sync()

    def stored(self) -> Iterator[tuple[str, float]]:
        moment = time.time()
        for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            for path in sorted(folder.glob(f"{folder.name}*.jpg")):
                if KEY.fullmatch(path.stem):
                    try:
                        yield path.stem, moment - path.stat().st_mtime
                    except OSError:  # discarded this very moment, or as good as that
                        continue

    def discard(self, keys: Collection[str], needed: Needed) -> int:
        aside: dict[str, Path] = {}
        for key in set(keys) - needed(set(keys)):  # most of those that are needed are never moved
            path = self._path(key)
            try:
                aside[key] = path.rename(path.with_name(f".{key}{_ASIDE}"))
            except FileNotFoundError:
                continue
        return self._decide(aside, needed)

    def leftovers(self, older: float) -> Sequence[Path]:
        begun, found = time.time() - older, []
        for path in sorted(self.root.glob("[0-9a-f][0-9a-f]/.*")):
            with suppress(OSError):  # finished this very moment
                if path.stat().st_ctime <= begun:
                    found.append(path)
        return found

    def tidy(self, older: float, needed: Needed) -> int:
        number = 0
        for path in self.leftovers(older):
            key = path.name[1:].removesuffix(_ASIDE)
            with suppress(OSError):  # one by one: what cannot be cleared away keeps no other
                if KEY.fullmatch(key):
                    self._decide({key: path}, needed)
                else:
                    path.unlink(missing_ok=True)
                number += 1
        return number

    def probe(self) -> None:
        with tempfile.NamedTemporaryFile(dir=self.root, prefix=".probe.") as file:
            file.write(b"0" * 4096)
            file.flush()

    def _decide(self, aside: dict[str, Path], needed: Needed) -> int:
        """Delete what was set aside, or put it back; how much was deleted."""
        back = set(aside)
        try:
            back = needed(set(aside)) if aside else set()
        finally:
            for key, path in aside.items():
                if key in back:
                    path.rename(self._path(key))
                else:
                    path.unlink(missing_ok=True)
        return len(aside) - len(back)

    def _make_room(self, folder: Path) -> None:
        try:
            folder.mkdir()
        except FileExistsError:
            return
        if self._durable:
            _sync_folder(self.root)

    def _path(self, key: str) -> Path:
        return self.root / key[:2] / f"{key}.jpg"


_ASIDE = ".discarded"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
