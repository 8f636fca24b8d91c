"""Commands for folders of pictures: a test set, an index, search, duplicates, two pictures compared."""

import os
import secrets
import sys
from dataclasses import replace
from pathlib import Path

import click

from .. import contactsheet
from ..canonical import FOLDER_FORMATS, canonical_pixels
from ..collection import Collection
from ..errors import Refusal
from ..fingerprint import Fingerprint, pixels_hash
from ..folders import FOLDER_LIMITS, PictureFile, Reading, Unread, absolute, load, read
from ..gathering import Wanted
from ..gathering import gather as write_test_set
from ..matcher import against
from ..matching import Hit, Policy, Verdict
from ..matching import compare as distances
from ..pages import read as read_pages
from ..pages import resolve
from .common import (
    AnyPath,
    complain,
    complain_of,
    counted,
    database_option,
    emit,
    json_option,
    opened,
    plain,
    progress,
    quietly,
    shown,
    size_of,
    tell_outdated,
    within_option,
)
from .duplicates import duplicates

__all__ = ["compare", "duplicates", "gather", "index", "search"]


@click.command()
@click.argument("source", type=AnyPath)
@click.argument("output", type=AnyPath)
@click.option("--samples", type=click.IntRange(1), default=17, show_default=True, help="How many pictures.")
@click.option("--copies", type=click.IntRange(1), default=3, show_default=True, help="How many copies of each.")
@click.option(
    "--scale",
    type=click.FloatRange(0, 100, max_open=True),
    default=5.0,
    show_default=True,
    help="Larger or smaller by so many percent at the most.",
)
@click.option("--seed", type=int, help="The same set each time.")
@json_option
def gather(
    source: Path, output: Path, samples: int, copies: int, scale: float, seed: int | None, as_json: bool
) -> None:
    """Draw pictures from a folder tree and write rescaled copies of them, under random names.

    manifest.csv, with the columns copy and original, says which is which.
    """
    quietly()
    seed = secrets.randbits(32) if seed is None else seed
    with progress(samples, "Drawing") as step:
        test_set = write_test_set(source, output, Wanted(samples, copies, scale), seed, step)
    complain_of(test_set.unread)
    if as_json:
        for copy, original in test_set.manifest:
            emit(copy=str(absolute(output / copy)), original=str(original))
    else:
        made = counted(samples * copies, "copy", "copies")
        click.echo(f"Wrote {made} of {counted(samples, 'picture', 'pictures')} to {shown(output)} (seed {seed}).")


@click.command()
@click.argument("folder", type=AnyPath)
@database_option
@click.option(
    "--pages", metavar="CSV", type=AnyPath, help="Which picture is on which page: the columns image and page."
)
@json_option
def index(folder: Path, database: Path, pages: Path | None, as_json: bool) -> None:
    """Fingerprint a folder tree. What has not changed since the last time is skipped.

    Exit code 2 if a file could not be read; the others are in the index.
    """
    quietly()
    rows = read_pages(pages) if pages else []
    if not folder.is_dir():
        raise Refusal(f"There is no folder {shown(folder)}.")
    unread: list[Unread] = []

    with Collection(database, create=True) as collection:
        plan = collection.plan(folder)
        with progress(len(plan.changed) + len(plan.unlisted), "Indexing", lines=as_json) as step:

            def seen(reading: Reading) -> None:
                step()
                if isinstance(reading, Unread):
                    unread.append(reading)
                if as_json:
                    _emit_reading(reading)

            for one in plan.unlisted:
                seen(one)
            collection.update(plan, seen)
        found, sentences = resolve(rows, pages or Path(), folder, collection.paths() if rows else ())
        collection.remember(found)

    for sentence in sentences:
        complain(plain(sentence))
    if not as_json:
        complain_of(unread)
        fresh = len(plan.changed) + len(plan.unlisted) - len(unread)
        rest = f"{plan.unchanged} unchanged, {len(plan.gone)} gone, {len(unread)} unreadable"
        click.echo(f"Indexed {counted(fresh, 'picture', 'pictures')}: {rest}.")
        if pages:
            click.echo(f"Remembered {counted(len(found), 'page', 'pages')}.")
    if unread:
        sys.exit(2)


@click.command()
@click.argument("picture", type=AnyPath)
@database_option
@within_option
@click.option(
    "--contact-sheet",
    "sheet",
    metavar="OUT.png",
    type=AnyPath,
    help="Show the picture and what was found side by side.",
)
@json_option
def search(picture: Path, database: Path, within: int, sheet: Path | None, as_json: bool) -> None:
    """Find the near copies of a picture, nearest first."""
    quietly()
    if sheet:
        contactsheet.check_target(sheet)
    asked = _readable(picture)
    with opened(database) as collection:
        tell_outdated(collection)
        with progress(len(collection), "Searching") as step:
            hits = collection.search(asked.fingerprint, within, step)
        pages = {one.path: collection.pages(one.path) for _, one in hits}

    if as_json:
        for hit, one in hits:
            on = pages[one.path]
            there = os.path.lexists(one.path)
            emit(path=str(one.path), distance=hit.dhash, page=on[0] if on else None, pages=on, there=there)
    else:
        click.echo(f"Found {len(hits)} images")
        width = max((len(shown(one.path)) for _, one in hits if pages[one.path]), default=0)
        for hit, one in hits:
            said = ", ".join(map(plain, pages[one.path])) if os.path.lexists(one.path) else "(no longer there)"
            line = f"{hit.dhash:3}  {shown(one.path):{width}}  {said}"
            click.echo(line.rstrip())
    if sheet:
        _write_sheet(sheet, asked, hits, pages)


@click.command()
@click.argument("a", type=AnyPath)
@click.argument("b", type=AnyPath)
@json_option
def compare(a: Path, b: Path, as_json: bool) -> None:
    """Every distance between two pictures, and the verdict on B if A were blocked, by the default settings."""
    quietly()
    one, other = _exact(a), _exact(b)
    whole, found = distances(one, other), against(one, other, Policy())
    verdict = Policy().verdict(found) if found else Verdict.PUBLISH
    pixels = found.agreement if found else None
    if as_json:
        emit(
            a=str(absolute(a)),
            b=str(absolute(b)),
            dhash=whole.dhash,
            phash=whole.phash,
            view=found and found.views,
            view_dhash=found and found.dhash,
            view_phash=found and found.phash,
            share=pixels and round(pixels.share, 3),
            correlation=pixels and round(pixels.correlation, 3),
            identical=whole.identical,
            detail=[one.detail, other.detail],
            verdict=verdict,
        )
        return
    click.echo(f"dHash      {whole.dhash} of 64 bits")
    click.echo(f"pHash      {whole.phash} of 256 bits")
    click.echo(f"views      {_nearest(found)}")
    if pixels:
        click.echo(f"agreement  {pixels.share:.0%} of {pixels.blocks} blocks, correlation {pixels.correlation:.2f}")
    click.echo(f"pixels     {'identical' if whole.identical else 'different'}")
    click.echo(f"detail     {_detail(one)} and {_detail(other)}")
    click.echo(f"verdict    {verdict}{_because(verdict, whole)}")


def _nearest(found: Hit | None) -> str:
    if found is None:
        return "none come near"
    return f"{found.views}: dHash {found.dhash}, pHash {found.phash}"


def _readable(path: Path, every_view: bool = False) -> PictureFile:
    reading = read(absolute(path), every_view=every_view)
    if isinstance(reading, Unread):
        raise Refusal(f"{shown(path)}: {reading.error}")
    return reading


def _exact(path: Path) -> Fingerprint:
    """The fingerprint with every view and with the hash of the pixels, however much detail there is."""
    print_ = _readable(path, every_view=True).fingerprint
    if print_.pixels is not None:
        return print_
    data, _ = load(path)
    return replace(print_, pixels=pixels_hash(canonical_pixels(data, FOLDER_LIMITS, FOLDER_FORMATS)))


def _detail(print_: Fingerprint) -> str:
    return f"{print_.detail}{' (too little for its hashes)' if print_.weak else ''}"


def _because(verdict: Verdict, hit: Hit) -> str:
    if verdict is Verdict.PUBLISH and Policy().verdict(hit) is not Verdict.PUBLISH:
        return ": where there is so little detail, only identical pictures are blocked"
    return ""


def _emit_reading(reading: Reading) -> None:
    failed = isinstance(reading, Unread)
    emit(
        path=str(reading.path),
        status="unreadable" if failed else "indexed",
        error=reading.error if isinstance(reading, Unread) else None,
    )


def _write_sheet(
    path: Path, asked: PictureFile, hits: list[tuple[Hit, PictureFile]], pages: dict[Path, list[str]]
) -> None:
    query = contactsheet.Cell(asked.path, plain(asked.path.name), [f"asked for · {size_of(asked)}"])
    cells = [
        contactsheet.Cell(
            one.path,
            plain(one.path.name),
            [f"distance {hit.dhash} · {size_of(one)}", plain(", ".join(pages[one.path]))],
        )
        for hit, one in hits
    ]
    shown_here = min(len(cells), contactsheet.MOST - 1)
    title = f"Found {len(hits)} images like {query.name}"
    if shown_here < len(cells):
        title += f", the nearest {shown_here} of them here"
    with progress(shown_here + 1, "Drawing") as step:
        contactsheet.write(path, title, query, cells, step)
