"""Picture files in folders: found, read and fingerprinted, one at a time."""

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from .canonical import FOLDER_FORMATS, NO_LIMITS, SUFFIXES, Limits, canonical_pixels
from .errors import Refusal, TooLarge
from .fingerprint import Fingerprint, fingerprint, fingerprint_bytes

FOLDER_LIMITS = Limits(bytes=2 * 1000**3, pixels=NO_LIMITS.pixels)
"""What is read from folders: anything that can be a picture, but no disk image that happens to be called one."""


@dataclass(frozen=True, eq=False)
class PictureFile:
    """A picture file as it was when it was read. Its path is absolute, its size in bytes, its mtime in ns."""

    path: Path
    size: int
    mtime: int
    width: int
    height: int
    fingerprint: Fingerprint


@dataclass(frozen=True)
class Unread:
    """A file or folder that could not be read, and the sentence that says why."""

    path: Path
    error: str


Reading = PictureFile | Unread


@dataclass(frozen=True)
class Listing:
    """The picture files of a folder tree, sorted, and the folders that could not be looked into."""

    paths: list[Path]
    unlisted: list[Unread]


def absolute(path: str | os.PathLike[str]) -> Path:
    """The path from the root, without dots. Links stay in it: an answer speaks of a file by the name it was given."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - which resolves links


def find(folder: str | os.PathLike[str]) -> Listing:
    """The picture files below a folder, told by their suffixes. Symbolic links are not followed.

    Paths are absolute. Raises `Refusal` if there is no such folder.
    """
    top = absolute(folder)
    if not top.is_dir():
        raise Refusal(f"There is no folder {top}.")
    paths: list[Path] = []
    unlisted: list[Unread] = []
    waiting = [top]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                    elif entry.is_file(follow_symlinks=False) and Path(entry.name).suffix.lower() in SUFFIXES:
                        paths.append(Path(entry.path))
        except OSError as error:
            unlisted.append(Unread(here, f"This folder cannot be looked into: {error.strerror}."))
    return Listing(sorted(paths), unlisted)


def expand(paths: Iterable[str | os.PathLike[str]]) -> Listing:
    """The files named, whatever they are called, and the picture files of the folders named; each once."""
    found: dict[Path, None] = {}
    unlisted: list[Unread] = []
    for path in map(absolute, paths):
        if path.is_dir():
            listing = find(path)
            found.update(dict.fromkeys(listing.paths))
            unlisted += listing.unlisted
        else:
            found[path] = None
    return Listing(list(found), unlisted)


def read(path: Path, limits: Limits = FOLDER_LIMITS, every_view: bool = False) -> Reading:
    """The file's fingerprint, the fast way; never an exception. Of the whole picture alone, without luminance, or of
    every view that an upload asks with.
    """

    def look(data: bytes) -> tuple[Fingerprint, tuple[int, int]]:
        print_, size = fingerprint_bytes(data, limits, every_view)
        return print_ if every_view else replace(print_, luminance=None), size

    return _read(path, limits, look)


def read_whole(path: Path) -> Reading:
    """The fingerprint of the file's canonical picture, with luminance and pixels; never an exception."""

    def look(data: bytes) -> tuple[Fingerprint, tuple[int, int]]:
        pixels = canonical_pixels(data, FOLDER_LIMITS, FOLDER_FORMATS)
        return fingerprint(pixels), (pixels.shape[1], pixels.shape[0])

    return _read(path, FOLDER_LIMITS, look)


def load(path: Path, limits: Limits = FOLDER_LIMITS) -> tuple[bytes, os.stat_result]:
    """The file's bytes, and what was known of it before they were read. Raises `Refusal` or `OSError`."""
    # A pipe would be waited for, a device read without end.
    if not stat.S_ISREG(path.stat().st_mode):
        raise Refusal("This is not a file.")
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if status.st_size > limits.bytes:
            raise TooLarge(f"The file is larger than {limits.bytes / 1e6:g} MB.")
        # Room is made for as much as is asked for, so no more than that: a file that grows meanwhile is cut.
        return file.read(status.st_size), status


def why(error: Exception) -> str:
    """The sentence for a file that could not be read."""
    match error:
        case Refusal():
            return str(error)
        case FileNotFoundError() | NotADirectoryError():
            return "There is no such file."
        case OSError():
            return f"The file cannot be read: {error.strerror or error}."
        case MemoryError():
            return "The picture is too large for this computer's memory."
    return f"The picture cannot be fingerprinted ({type(error).__name__})."


def _read(path: Path, limits: Limits, look: Callable[[bytes], tuple[Fingerprint, tuple[int, int]]]) -> Reading:
    try:
        data, status = load(path, limits)
        print_, (width, height) = look(data)
    except Exception as error:  # One file, whatever is wrong with it, must not stop the others.
        return Unread(path, why(error))
    return PictureFile(path, status.st_size, status.st_mtime_ns, width, height, print_)
