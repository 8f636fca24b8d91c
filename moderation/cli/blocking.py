"""Commands for the blocklist: check pictures against it, import into it, list it, withdraw from it, undo."""

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path

import click
import sqlalchemy as sa

from .. import review, sweeping
from ..context import parts
from ..database import db, writing
from ..errors import Refusal
from ..fingerprint import Fingerprint
from ..folders import PictureFile, Unread, expand, read, read_whole
from ..judging import judge
from ..matching import Hit, Verdict
from ..models import Account, Action, Check, Decision, Entry, Match
from ..pool import read_all
from ..reach import Planned, plan
from . import instance_option, site, with_app
from .common import AnyPath, command, complain, complain_of, counted, emit, json_option, plain, progress, quietly, shown

REASON = 200
"""Characters that a reason may have."""

Number = click.IntRange(1, 2**63 - 1)


def _short(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if len(value) > REASON:
        raise Refusal(f"A reason has at most {REASON} characters; this one has {len(value)}.")
    return value


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=AnyPath)
@json_option
@with_app
def check(paths: tuple[Path, ...], as_json: bool) -> None:
    """The verdict on files, and on the pictures in folders, by the instance's blocklist.

    Exit code 1 if a picture would be refused, 2 if one could not be checked.
    """
    quietly()
    listing = expand(paths)
    unread: list[Unread] = []
    verdicts = dict.fromkeys(Verdict, 0)
    with (
        progress(len(listing.paths), "Checking", lines=True) as step,
        closing(read_all(listing.paths, partial(read, limits=parts().decoder.limits, every_view=True))) as readings,
    ):
        for reading in chain(listing.unlisted, readings):
            if isinstance(reading, Unread):
                unread.append(reading)
                if as_json:
                    emit(path=str(reading.path), verdict=None, error=reading.error)
            else:
                verdicts[_check(reading, as_json)] += 1
            step()
    complain_of(unread)
    if not as_json:
        each = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items())
        complain(f"Checked {_pictures(sum(verdicts.values()))}: {each}. Unreadable: {len(unread)}.")
    if unread or verdicts[Verdict.REFUSE]:
        sys.exit(2 if unread else 1)


@click.group()
def blocklist() -> None:
    """The indecent pictures that no copy of may come on show."""


@blocklist.command(name="import")
@click.argument("folder", type=AnyPath)
@click.option("--reason", default=review.INDECENT, show_default=True, callback=_short)
@click.option("--preview", is_flag=True, help="Say what it would do, and change nothing.")
@json_option
@instance_option
def import_(folder: Path, reason: str, preview: bool, as_json: bool) -> None:
    """Block the pictures of a folder tree, and take down what is on show of them.

    Exit code 2 if one could not be read; the others are blocked.
    """
    with site(begin=not preview):
        pictures, unread = _fingerprinted(folder)
        # The database takes text, which not every file's name is.
        named = {path: os.fsencode(path).decode("utf-8", "backslashreplace") for path in pictures}
        fingerprinted = [(named[path], print_) for path, print_ in pictures.items()]
        if preview:
            _tell_plan(plan(parts(), fingerprinted), len(unread), as_json)
        else:
            decision, known = review.import_entries(parts(), fingerprinted, None, reason)
            before = {path: known[name] for path, name in named.items() if name in known}
            if as_json:
                _emit_import(pictures, before, decision, unread)
            else:
                _tell_import(pictures, before, decision)
    complain_of(unread)
    if unread:
        sys.exit(2)


def _fingerprinted(folder: Path) -> tuple[dict[Path, Fingerprint], list[Unread]]:
    quietly()
    listing = expand([folder])
    unread = list(listing.unlisted)
    pictures: dict[Path, Fingerprint] = {}
    with (
        progress(len(listing.paths), "Fingerprinting") as step,
        closing(read_all(listing.paths, read_whole)) as readings,
    ):
        for reading in readings:
            if isinstance(reading, Unread):
                unread.append(reading)
            else:
                pictures[reading.path] = reading.fingerprint
            step()
    return pictures, unread


@blocklist.command(name="list")
@json_option
@with_app
def list_(as_json: bool) -> None:
    """Every entry, withdrawn ones too, in the order in which they were added."""
    if as_json:
        for line in _lines():
            emit(**{**vars(line), "created": line.created.isoformat()})
        return
    heads = ("id", "state", "matches", "added", "by", "picture", "reason")
    rows = [heads]
    for line in _lines():
        what = plain(line.source) if line.source is not None else f"picture {line.picture}"
        when = f"{line.created:%Y-%m-%d %H:%M}"
        rows.append((str(line.id), line.state, str(line.matches), when, plain(line.by), what, plain(line.reason)))
    if len(rows) == 1:
        click.echo("The blocklist is empty.")
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)).rstrip())


@blocklist.command()
@click.argument("entry_id", metavar="ID", type=Number)
@click.option("--reason", default="", callback=_short)
@with_app
def withdraw(entry_id: int, reason: str) -> None:
    """Block no more what is near that entry. What it took down stays down."""
    with writing():
        decision = review.withdraw(entry_id, None, reason).id
    click.echo(f"Entry {entry_id} blocks no more. What it took down stays down.")
    click.echo(f"To take this back: {command('blocklist', 'undo', decision)}")


@blocklist.command()
@click.argument("decision_id", metavar="DECISION", type=Number)
@with_app
def undo(decision_id: int) -> None:
    """Take back all that an import or a withdrawal did."""
    decision = review.undo(parts(), decision_id, None)
    click.echo(f"Took back decision {decision.id} ({decision.kind}).")


@dataclass(frozen=True)
class _Line:
    """An entry as it is listed. `matches` counts the pictures that were refused, held or taken down for it."""

    id: int
    state: str
    source: str | None  # the file's name, None where a picture on the site was marked
    picture: int | None
    reason: str
    by: str
    created: datetime
    matches: int


def _lines() -> Iterator[_Line]:
    checked = sa.select(sa.func.count()).where(Match.entry_id == Entry.id, Match.verdict != Verdict.PUBLISH)
    # What the entry kept down on its way back has both.
    both = sa.select(Check.id).join(Match, Match.check_id == Check.id)
    both = both.where(
        Check.picture_id == Action.picture_id, Match.entry_id == Entry.id, Match.verdict != Verdict.PUBLISH
    )
    swept = sa.select(sa.func.count()).where(Action.entry_id == Entry.id, ~both.correlate(Action, Entry).exists())
    entries = (
        sa.select(Entry, Decision.reason, Account.name, checked.scalar_subquery() + swept.scalar_subquery())
        .join(Entry.decision)
        .join(Decision.by, isouter=True)
        .order_by(Entry.id)
    )
    for entry, reason, by, matches in db.session.execute(entries):
        state = "withdrawn" if entry.withdrawn else "blocks"
        by = by or "the command line"
        yield _Line(entry.id, state, entry.source, entry.picture_id, reason, by, entry.created, matches)


def _check(picture: PictureFile, as_json: bool) -> Verdict:
    """Tell the verdict on a picture that has been read."""
    found = judge(parts(), picture.fingerprint)
    verdict, hit = found.verdict, found.gravest
    source = _source(hit)
    if as_json:
        emit(
            path=str(picture.path),
            verdict=verdict,
            entry=hit and hit.id,
            source=source,
            view=hit and hit.views,
            dhash=hit and hit.dhash,
            phash=hit and hit.phash,
            share=hit and hit.agreement and round(hit.agreement.share, 3),
        )
        return verdict
    line = f"{verdict:7}  {shown(picture.path)}"
    if hit:
        line += f"  entry {hit.id}{f' ({plain(source)})' if source else ''}, {_near(hit)}"
    click.echo(line)
    return verdict


def _near(hit: Hit) -> str:
    if hit.identical:
        return "identical"
    agree = f", {hit.agreement.share:.0%} of the picture agrees" if hit.agreement else ""
    return f"{hit.views} view, dHash {hit.dhash}, pHash {hit.phash}{agree}"


def _source(hit: Hit | None) -> str | None:
    if hit is None:
        return None
    # The blocklist has just caught up, maybe with an entry later than what this session has begun to read.
    db.session.rollback()
    return db.session.get_one(Entry, hit.id).source


def _emit_import(
    pictures: dict[Path, Fingerprint], before: dict[Path, Entry], decision: Decision | None, unread: list[Unread]
) -> None:
    added = iter(decision.entries if decision else ())
    for path, print_ in pictures.items():
        entry = before.get(path)
        status = "added" if entry is None else "withdrawn" if entry.withdrawn else "known"
        emit(path=str(path), status=status, entry=(entry or next(added)).id, weak=print_.weak, error=None)
    for one in unread:
        emit(path=str(one.path), status="unreadable", entry=None, weak=None, error=one.error)


def _tell_plan(planned: Planned, unread: int, as_json: bool) -> None:
    """What an import would do."""
    withdrawn = sum(entry.withdrawn is not None for entry in planned.known.values())
    if as_json:
        emit(
            new=planned.new,
            known=len(planned.known) - withdrawn,
            withdrawn=withdrawn,
            weak=len(planned.weak),
            unreadable=unread,
            take_down=len(planned.takes),
            known_good=len(planned.passes),
        )
        return
    new = counted(planned.new, "entry", "entries")
    click.echo(f"Would add {new}; {_pictures(len(planned.known) - withdrawn)} known already.")
    if withdrawn:
        click.echo(f"Known, but withdrawn from the blocklist: {_pictures(withdrawn)}. What is withdrawn stays so.")
    if planned.weak:
        click.echo(f"Too little detail: {_pictures(len(planned.weak))}, of which identical copies alone are blocked.")
    click.echo(f"Would take down {_pictures(len(planned.takes))} on show. Nothing was changed.")
    _tell_known_good(len(planned.passes))


def _tell_known_good(number: int) -> None:
    if number:
        verb = "looks" if number == 1 else "look"
        click.echo(f"{counted(number, 'known-good picture', 'known-good pictures')} {verb} like these: still allowed.")


def _tell_import(pictures: dict[Path, Fingerprint], before: dict[Path, Entry], decision: Decision | None) -> None:
    withdrawn = sum(entry.withdrawn is not None for entry in before.values())
    weak = sum(print_.weak for path, print_ in pictures.items() if path not in before)
    added = counted(len(pictures) - len(before), "entry", "entries")
    click.echo(f"Added {added}; {_pictures(len(before) - withdrawn)} known already.")
    if withdrawn:
        click.echo(f"Known, but withdrawn from the blocklist: {_pictures(withdrawn)}. What is withdrawn stays so.")
    if weak:
        click.echo(f"Too little detail: {_pictures(weak)}, of which identical copies alone are blocked.")
    if decision:
        sweep = sweeping.swept(decision)
        click.echo(f"Took down {_pictures(sweep.taken_down)} on show, and held {sweep.held} for a moderator.")
        _tell_known_good(review.known_good_beside(parts(), decision))
        click.echo(f"To take it all back: {command('blocklist', 'undo', decision.id)}")


def _pictures(number: int) -> str:
    return counted(number, "picture", "pictures")
