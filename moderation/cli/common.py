"""What commands about files have in common: options, names on one line, JSON lines, progress bars."""

import json
import os
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..collection import WITHIN, Collection
from ..errors import Refusal
from ..folders import PictureFile, Unread, absolute
from . import instance_folder

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

AnyPath = click.Path(path_type=Path)

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
database_option = click.option(
    "--database", default="photos.sqlite", show_default=True, metavar="FILE", type=AnyPath, help="The index."
)
within_option = click.option(
    "--within",
    type=click.IntRange(0, 64),
    default=WITHIN,
    show_default=True,
    metavar="BITS",
    help="How many of the dHash's 64 bits a copy may differ in.",
)


def quietly() -> None:
    """Say nothing of odd metadata, which Pillow warns of; a picture that cannot be read has a sentence."""
    warnings.filterwarnings("ignore", category=UserWarning, module="PIL")


def shown(path: Path) -> str:
    """A path for people to read: relative where it lies below the working directory, and always on one line."""
    whole, here = absolute(path), Path.cwd()
    return plain(str(whole.relative_to(here) if whole.is_relative_to(here) else path))


def plain(text: str) -> str:
    """The text with everything escaped that would move a terminal's cursor, or that is no text."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def command(*words: object, on_site: bool = True) -> str:
    """A command of ours to be copied into a shell; one on a site says which, where this one was told."""
    folder = instance_folder() if on_site else None
    said = ["moderation", *map(str, words), *(["--instance", folder] if folder else [])]
    return " ".join(map(_quoted, said))


def _quoted(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    escaped = (chr(one) if 32 <= one < 127 and chr(one) not in "'\\" else f"\\x{one:02x}" for one in os.fsencode(word))
    return f"$'{''.join(escaped)}'"


def counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def emit(**fields: object) -> None:
    """One JSON object on a line of its own."""
    click.echo(json.dumps(fields))


def complain(sentence: str) -> None:
    click.echo(sentence, err=True)


def complain_of(unread: list[Unread]) -> None:
    """A line on standard error for each file that could not be read."""
    for one in unread:
        complain(f"{shown(one.path)}: {plain(one.error)}")


def opened(database: Path) -> Collection:
    """The index that is there. Raises `Refusal` where there is none, and says how to make one."""
    if not database.is_file():
        make = command("index", "FOLDER", "--database", database, on_site=False)
        raise Refusal(f"There is no index {shown(database)}. Make one with: {make}")
    return Collection(database)


def tell_outdated(collection: Collection) -> None:
    outdated = collection.outdated()
    if outdated:
        what = counted(outdated, "picture was", "pictures were")
        complain(f"{what} indexed by another version, and left out: please index again.")


def size_of(picture: PictureFile) -> str:
    return f"{picture.width}x{picture.height}"


@contextmanager
def progress(length: int, label: str, lines: bool = False) -> Iterator[Callable[[], None]]:
    """A progress bar on standard error, where that is a terminal; call what it yields for each thing done.

    It appears after a second. With `lines`, standard output gets a line for each thing: on a terminal these show
    the progress, and there is no bar.
    """
    if not sys.stderr.isatty() or (lines and sys.stdout.isatty()):
        yield lambda: None
        return
    started, done = time.time(), 0
    bar: ProgressBar[int] | None = None
    with ExitStack() as stack:

        def step() -> None:
            nonlocal bar, done
            done += 1
            if bar is not None:
                bar.update(1)
            elif time.time() - started > 1:
                often = max(1, length // 200)
                bar = click.progressbar(length=length, label=label, file=sys.stderr, update_min_steps=often)
                stack.enter_context(bar)
                bar.start = started  # the time left is reckoned from here
                bar.update(done)

        yield step
