"""Near copies in a collection: grouped around the one to keep, moved away, and brought back."""

import csv
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO

from .collection import WITHIN, copies, matcher
from .errors import Conflict, Refusal
from .folders import PictureFile, absolute

LIST = "moved.csv"
"""The file, in the folder that copies are moved to, by which they can be brought back."""

COLUMNS = ["from", "to"]


class Unlisted(Refusal):
    """The list of moves cannot be written."""


@dataclass(frozen=True, eq=False)
class Copy:
    """A near copy, and how many bits of the dHash's 64 it is away from the one to keep."""

    picture: PictureFile
    distance: int


@dataclass(frozen=True, eq=False)
class Group:
    """A star: every copy is near the one to keep, whatever lies between the copies."""

    keep: PictureFile
    copies: list[Copy]


@dataclass(frozen=True, eq=False)
class Step:
    """One move that is planned: the copy goes to `target`, a path where nothing is."""

    keep: PictureFile
    copy: PictureFile
    target: Path


def groups(
    pictures: Sequence[PictureFile], within: int = WITHIN, looked: Callable[[], None] = lambda: None
) -> Iterator[Group]:
    """The groups of near copies, the largest picture to keep first; `looked` is called once for each picture.

    Of several copies the one with most pixels is kept, then the oldest. Each picture is in one group at the most.
    """
    ranked = sorted(_once(pictures), key=lambda one: (-one.width * one.height, one.mtime, one.path))
    ready = matcher(one.fingerprint for one in ranked)
    free = set(range(len(ranked)))
    for number, keep in enumerate(ranked):
        looked()
        if number not in free:
            continue
        free.remove(number)
        near = [hit for hit in copies(ready, keep.fingerprint, within) if hit.id in free]
        free.difference_update(hit.id for hit in near)
        if near:
            yield Group(keep, [Copy(ranked[hit.id], hit.dhash) for hit in near])


def outside(pictures: Sequence[PictureFile], folder: Path) -> list[PictureFile]:
    """Those that do not lie below the folder: what has been moved there is no copy to move again."""
    real, away = _real_folders(pictures), os.path.realpath(folder)
    return [one for one in pictures if not real[one.path.parent].is_relative_to(away)]


def plan_moves(groups: Sequence[Group], folder: Path) -> list[Step]:
    """Where each copy would go below `folder`: the folders that they lie in are kept, names in use are numbered."""
    folder = absolute(folder)
    moving = [(group.keep, copy.picture) for group in groups for copy in group.copies]
    base = os.path.commonpath([copy.path.parent for _, copy in moving]) if moving else ""
    taken: set[Path] = set()
    steps = []
    for keep, copy in moving:
        names = _names(folder / copy.path.relative_to(base))
        target = next(name for name in names if name not in taken and not os.path.lexists(name))
        taken.add(target)
        steps.append(Step(keep, copy, target))
    return steps


def carry_out(steps: Sequence[Step], folder: Path, done: Callable[[Step, str | None], None]) -> None:
    """Move the copies; `done` is told of each, with a sentence where it stayed. Nothing is ever overwritten.

    Each move is on the list before it is made. Raises `Unlisted` if the list cannot be written: then it stops there.
    """
    with _list(absolute(folder)) as file:
        for step in steps:
            try:
                _unchanged(step)
                _record(file, [str(step.copy.path), str(step.target)])
                _move(step.copy.path, step.target)
            except Unlisted:
                raise
            except Refusal as refusal:
                done(step, str(refusal))
            else:
                done(step, None)


def take_back(path: Path, done: Callable[[Path, Path, str | None], None]) -> None:
    """Move back whatever that list says was moved, the last first; `done` is told of each, as in `carry_out`.

    What is back already is passed over. Raises `Refusal` if it is no such list.
    """
    for row in reversed(_moves(path)):
        if len(row) != len(COLUMNS):
            continue  # cut off while it was written: that move was never made
        origin, target = map(Path, row)
        if os.path.lexists(origin) and not os.path.lexists(target):
            continue
        try:
            if not os.path.lexists(target):
                raise Conflict("It is not there any more.")
            _move(target, origin)
        except Refusal as refusal:
            done(origin, target, str(refusal))
        else:
            done(origin, target, None)


def _once(pictures: Sequence[PictureFile]) -> list[PictureFile]:
    """Each file once, though it was indexed by several ways that lead to its folder: a file is no copy of itself."""
    real = _real_folders(pictures)
    seen: dict[Path, PictureFile] = {}
    for picture in pictures:
        seen.setdefault(real[picture.path.parent] / picture.path.name, picture)
    return list(seen.values())


def _real_folders(pictures: Sequence[PictureFile]) -> dict[Path, Path]:
    """The folders that the pictures lie in, each with the path to it that goes by no link."""
    return {folder: Path(os.path.realpath(folder)) for folder in {picture.path.parent for picture in pictures}}


def _names(wanted: Path) -> Iterator[Path]:
    yield wanted
    for number in count(2):
        yield wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")


def _unchanged(step: Step) -> None:
    """Raise `Conflict` unless both files are still what was compared."""
    for picture in (step.keep, step.copy):
        which = "It" if picture is step.copy else f"The one to keep, {picture.path},"
        try:
            status = picture.path.lstat()
        except OSError as error:
            raise Conflict(f"{which} is not there any more.") from error
        if not stat.S_ISREG(status.st_mode) or (status.st_size, status.st_mtime_ns) != (picture.size, picture.mtime):
            raise Conflict(f"{which} has changed since it was indexed.")
    if os.path.realpath(step.keep.path) == os.path.realpath(step.copy.path):
        raise Conflict("It is the very file to keep, by another way.")


def _move(source: Path, target: Path) -> None:
    """Move a file to a path where nothing is, also to another disk. Raises `Refusal`, and then it is where it was."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _second_name(source, target)
        try:
            source.unlink()
        except OSError:
            target.unlink()
            raise
    except FileExistsError as error:
        raise Conflict(f"There is something at {target} already.") from error
    except OSError as error:
        raise Refusal(f"It cannot be moved: {error.strerror}.") from error


def _second_name(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except FileExistsError:
        raise
    except OSError:  # another disk, or one without hard links
        with source.open("rb") as old, target.open("xb") as new:
            try:
                shutil.copyfileobj(old, new)
                new.flush()
                os.fsync(new.fileno())
                shutil.copystat(source, target)
            except BaseException:
                target.unlink()
                raise


@contextmanager
def _list(folder: Path) -> Iterator[IO[str]]:
    """The list in that folder, open for further lines."""
    path = folder / LIST
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(path):
            first: list[str] | None = COLUMNS
        else:
            _moves(path)
            first = None if path.read_bytes().endswith(b"\n") else []  # its last line was cut off
        file = _open(path, "a")
    except OSError as error:
        raise Unlisted(f"{path} cannot be written: {error.strerror}.") from error
    with file:
        if first is not None:
            _record(file, first)
        yield file


def _record(file: IO[str], row: Sequence[str]) -> None:
    """Write a line down for good, so that no move is made that is not on the list."""
    try:
        csv.writer(file).writerow(row)
        file.flush()
        os.fsync(file.fileno())
    except OSError as error:
        raise Unlisted(f"{file.name} cannot be written: {error.strerror}.") from error


def _moves(path: Path) -> list[list[str]]:
    try:
        with _open(path, "r") as file:
            header, *moves = csv.reader(file)
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, csv.Error) as error:
        raise Refusal(f"{path} is not a list of moved pictures.") from error
    if header != COLUMNS:
        raise Refusal(f"{path} is not a list of moved pictures.")
    return moves


def _open(path: Path, mode: str) -> IO[str]:
    # Names that are no text go to the disk and back as they are.
    return path.open(mode, encoding="utf-8", errors="surrogateescape", newline="")
