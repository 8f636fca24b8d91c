"""Picture files by the hash of their content, in a folder."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Protocol


class FileStore(Protocol):
    """Files that never change: their name is the hash of what is in them, so a write may be repeated."""

    def put(self, content: bytes) -> str:
        """Keep the content and return its key, the SHA-256 in hexadecimal."""

    def get(self, key: str) -> bytes:
        """The content. Raises `KeyError` where there is none."""


class Folder:
    """A file store in a folder, as `ab/abcd....jpg`."""

    def __init__(self, root: Path, durable: bool = True) -> None:
        self.root = root
        self._durable = durable
        root.mkdir(parents=True, exist_ok=True)

    def put(self, content: bytes) -> str:
        key = hashlib.sha256(content).hexdigest()
        path = self._path(key)
        if not path.exists():
            self._make_room(path.parent)
            # Under another name first: a file is there whole or not at all.
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
                try:
                    file.write(content)
                    file.flush()
                    if self._durable:
                        os.fsync(file.fileno())
                    Path(file.name).rename(path)
                except BaseException:
                    Path(file.name).unlink(missing_ok=True)
                    raise
            if self._durable:
                _sync_folder(path.parent)
        return key

    def get(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            raise KeyError(key) from None

    def _make_room(self, folder: Path) -> None:
        try:
            folder.mkdir()
        except FileExistsError:
            return
        if self._durable:
            _sync_folder(self.root)

    def _path(self, key: str) -> Path:
        return self.root / key[:2] / f"{key}.jpg"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
