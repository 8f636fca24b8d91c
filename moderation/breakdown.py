"""What happened, broken down: by day, distance and view, by entry, moderator and member. A day is a day of UTC."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, joinedload

from .counting import Period, Since, bounds, count_if, unordered, within
from .database import db, in_parts
from .matching import Verdict
from .models import DOWN, Account, Check, Decision, Entry, Kind, Match, Occasion, Picture, Status
from .views import labels

COLUMNS = 100
"""Numbers that one query asks for at most."""


@dataclass(frozen=True)
class Day:
    """The pictures uploaded on a day, and what has become of them by now."""

    date: date
    uploads: int
    refused: int
    removed: int


@dataclass(frozen=True)
class Stopped:
    """What was done against indecent pictures on a day."""

    date: date
    refused: int  # uploads, automatically
    marked: int  # pictures, by moderators, where that stands

    def some(self) -> bool:
        return bool(self.refused or self.marked)


@dataclass(frozen=True)
class Distance:
    """The recorded candidates at one distance, by what each alone led to."""

    bits: int  # of the dHash's 64
    refused: int
    held: int
    unconfirmed: int


@dataclass(frozen=True)
class Distances:
    """How near pictures came to blocklist entries."""

    by_bits: Sequence[Distance]
    checks: int
    without_candidate: int


@dataclass(frozen=True)
class EntryFigures:
    entry: Entry
    matches: int  # checks in which this entry alone meant to hold or to refuse
    members: int
    last_match: datetime | None  # of all there ever were


@dataclass(frozen=True)
class Moderator:
    """What one person has decided, and how much of it was taken back."""

    name: str
    marked: int
    approved: int
    appeals: int
    undone: int


@dataclass(frozen=True)
class Offender:
    """A member and the pictures that were refused or taken down."""

    account: Account
    refused: int
    removed: int
    uploads: int


@dataclass(frozen=True)
class Person:
    account: Account
    uploads: int
    refused: int
    removed: int


def per_day(since: Since, until: datetime) -> list[Day]:
    """Every day of that time, those without an upload too; of all time, from the first upload on."""
    day = sa.func.date(Picture.created, type_=sa.Date)
    counted = sa.select(day, Picture.status, sa.func.count()).where(Picture.status.in_(DOWN), within(Picture, since))
    down = {(row[0], row[1]): row[2] for row in db.session.execute(counted.group_by(day, Picture.status))}
    earliest = None if since else db.session.scalar(sa.select(sa.func.min(Picture.created)))
    dates = _dates(since, until, [earliest.astimezone(UTC).date()] if earliest else ())
    midnights = [datetime.combine(one, time(), UTC) for one in (*dates, until.astimezone(UTC).date() + timedelta(1))]
    period = bounds(since)
    edges = [min(max(midnight, period.start), period.end) for midnight in midnights]
    firsts = range(0, len(dates), COLUMNS)
    uploads = [number for first in firsts for number in _between(edges[first : first + COLUMNS + 1])]
    return [
        Day(one, number, down.get((one, Status.REFUSED), 0), down.get((one, Status.REMOVED), 0))
        for one, number in zip(dates, uploads, strict=True)
    ]


def _between(edges: Sequence[datetime]) -> list[int]:
    """How many pictures were uploaded from each of these moments to the next. Each stretch is one of an index."""
    given = {f"edge{place}": edge for place, edge in enumerate(edges)}
    return list(db.session.execute(_stretches(len(edges) - 1), given).one())


@cache
def _stretches(number: int) -> sa.Select[Any]:
    edges = [sa.bindparam(f"edge{place}", type_=Picture.created.type) for place in range(number + 1)]
    counted = sa.select(sa.func.count())
    return sa.select(
        *(
            counted.where(Picture.created >= begin, Picture.created < end).scalar_subquery()
            for begin, end in pairwise(edges)
        )
    )


def stopped_per_day(since: Since, until: datetime) -> list[Stopped]:
    """Every day of that time, by when it was done."""
    refused = _by_day(
        Check.created, Check.occasion == Occasion.UPLOAD, Check.verdict == Verdict.REFUSE, within(Check, since)
    )
    marked = _by_day(Decision.created, Decision.kind == Kind.MARK, Decision.undone.is_(None), within(Decision, since))
    dates = _dates(since, until, [*refused, *marked])
    return [Stopped(one, refused.get(one, 0), marked.get(one, 0)) for one in dates]


def _by_day(moment: InstrumentedAttribute[datetime], *where: sa.ColumnElement[bool]) -> dict[date, int]:
    day = sa.func.date(moment, type_=sa.Date)
    return {row[0]: row[1] for row in db.session.execute(sa.select(day, sa.func.count()).where(*where).group_by(day))}


def _dates(since: Since, until: datetime, found: Iterable[date]) -> list[date]:
    """Every day of that time; of all time, from the first found on."""
    last = until.astimezone(UTC).date()
    begins = since.start if isinstance(since, Period) else since
    first = begins.astimezone(UTC).date() if begins else min(found, default=last)
    return [first + timedelta(number) for number in range((last - first).days + 1)]


_SPLIT = (Verdict.REFUSE, Verdict.HOLD, Verdict.PUBLISH)
_RECORDED = sa.select(
    *(sa.select(sa.func.max(Match.dhash)).where(Match.verdict == verdict).scalar_subquery() for verdict in _SPLIT)
)


@cache
def _at_each(bars: int) -> sa.Select[Any]:
    """How many matches of a period led to what, at each of so many distances.

    Each is a stretch of an index; to group them, a database would sort them first.
    """
    start, end = (sa.bindparam(name, type_=Match.created.type) for name in Period._fields)
    counted = sa.select(sa.func.count()).where(Match.created >= start, Match.created < end)
    return sa.select(
        *(
            counted.where(Match.verdict == verdict, Match.dhash == bits).scalar_subquery()
            for bits in range(bars)
            for verdict in _SPLIT
        )
    )


def distances(since: Since, widest: int) -> Distances:
    """Every distance from 0 to the widest that is recorded, or was while another setting held."""
    recorded = (number or 0 for number in db.session.execute(_RECORDED).one())
    bars = range(max(widest, *recorded) + 1)
    period = bounds(since)
    counted = db.session.execute(_at_each(len(bars)), period._asdict()).one()
    by_bits = [Distance(bits, *counted[bits * len(_SPLIT) :][: len(_SPLIT)]) for bits in bars]
    while len(by_bits) > widest + 1 and not any(astuple(by_bits[-1])[1:]):
        by_bits.pop()
    checks, without = db.session.execute(
        sa.select(sa.func.count(), count_if(Check.candidates == 0)).where(Check.failure.is_(None), within(Check, since))
    ).one()
    return Distances(by_bits, checks, without)


def most_matched(since: Since, limit: int) -> list[EntryFigures]:
    """The entries with the most matches in that time first; those without any, newest first, at the end."""
    counting = Match.verdict.in_((Verdict.HOLD, Verdict.REFUSE))
    # For each match, whose picture it was: asked like this, no database goes through all checks.
    member = sa.select(Picture.member_id).join(Check, Check.picture_id == Picture.id).where(Check.id == Match.check_id)
    members = sa.func.count(sa.distinct(member.scalar_subquery()))
    entry, matches = unordered(Match.entry_id), sa.func.count(sa.distinct(Match.check_id))
    found = sa.select(entry, matches, members).where(counting, within(Match, since)).group_by(entry)
    ranked = db.session.execute(found.order_by(matches.desc(), entry.desc()).limit(limit)).all()
    figures = {row[0]: (row[1], row[2]) for row in ranked}
    ids = list(figures)
    if len(ids) < limit:
        others = sa.select(Entry.id).where(Entry.id.not_in(ids)).order_by(Entry.id.desc())
        ids += db.session.scalars(others.limit(limit - len(ids)))
    last = sa.select(Match.entry_id, sa.func.max(Match.created)).where(counting)
    latest = {row[0]: row[1] for row in in_parts(last.group_by(Match.entry_id), Match.entry_id, ids)}
    for_rows = joinedload(Entry.decision).joinedload(Decision.by), joinedload(Entry.withdrawal)
    wanted = sa.select(Entry).options(*for_rows)
    by_id = {row[0].id: row[0] for row in in_parts(wanted, Entry.id, ids)}
    return [EntryFigures(by_id[id_], *figures.get(id_, (0, 0)), latest.get(id_)) for id_ in ids]


def moderators(since: Since) -> list[Moderator]:
    """Who has decided how much, the most first."""
    counted = (
        sa.select(
            Account.name,
            count_if(Decision.kind == Kind.MARK),
            count_if(Decision.kind == Kind.APPROVE),
            count_if(Decision.kind.in_((Kind.UPHOLD, Kind.OVERTURN))),
            count_if(Decision.undone.is_not(None)),
        )
        .join(Decision, Decision.by_id == Account.id)
        .where(within(Decision, since))
        .group_by(Account.id, Account.name)
        .order_by(sa.func.count().desc(), Account.name)
    )
    return [Moderator(*row) for row in db.session.execute(counted)]


def offenders(since: Since, limit: int, at_least: int = 2) -> list[Offender]:
    """Members of whom at least so many pictures were refused or taken down, the most first."""
    number = sa.func.count()
    member = unordered(Picture.member_id)
    most = sa.select(member).where(Picture.status.in_(DOWN), within(Picture, since)).group_by(member)
    most = most.having(number >= at_least).order_by(number.desc(), member)
    ids = db.session.scalars(most.limit(limit)).all()
    refused, removed = count_if(Picture.status == Status.REFUSED), count_if(Picture.status == Status.REMOVED)
    counted = sa.select(Account, refused, removed, number).join(Picture, Picture.member_id == Account.id)
    counted = counted.where(within(Picture, since)).group_by(Account.id)
    found = {row[0].id: Offender(*row) for row in in_parts(counted, Account.id, ids)}
    return [found[id_] for id_ in ids]


def by_view(since: Since) -> list[tuple[str, int]]:
    """In which views the refused and held pictures came near to the entry that counted, the most frequent first."""
    counted = (
        sa.select(Match.view, Match.asked, sa.func.count(sa.distinct(Check.id)))
        .join(Match.check)
        .where(
            Match.entry_id == Check.entry_id, Check.verdict.in_((Verdict.HOLD, Verdict.REFUSE)), within(Check, since)
        )
        .group_by(Match.view, Match.asked)
    )
    names: Counter[str] = Counter()
    for view, asked, number in db.session.execute(counted):
        names[labels(view, asked)] += number
    return names.most_common()


def people(search: str, after: str, limit: int) -> list[Person]:
    """Accounts whose names hold what is searched for, by name, those after the one with that key."""
    own = (
        sa.select(
            Picture.member_id,
            sa.func.count().label("uploads"),
            count_if(Picture.status == Status.REFUSED).label("refused"),
            count_if(Picture.status == Status.REMOVED).label("removed"),
        )
        .group_by(Picture.member_id)
        .subquery()
    )
    listed = (
        sa.select(Account, *(sa.func.coalesce(own.c[name], 0) for name in ("uploads", "refused", "removed")))
        .outerjoin(own, own.c.member_id == Account.id)
        .where(Account.key.contains(search.strip().casefold(), autoescape=True), Account.key > after)
        .order_by(Account.key)
        .limit(limit)
    )
    return [Person(*row) for row in db.session.execute(listed)]
