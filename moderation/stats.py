"""What happened, in numbers: one query per figure. A day is a day of UTC."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from statistics import quantiles
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, aliased, joinedload

from .database import db
from .matching import Verdict
from .models import Account, Action, Appeal, Check, Decision, Entry, Kind, Match, Occasion, Picture, Status
from .views import labels


class Period(NamedTuple):
    """From its start on, up to its end."""

    start: datetime
    end: datetime


Since = datetime | Period | None
"""From when on something is counted, or in which period; None for all there ever was."""


@dataclass(frozen=True)
class Outcomes:
    """Indecent pictures by what became of them in the end, whoever or whatever found them."""

    refused: int  # never were on show
    removed: int  # were on show before they were taken down

    @property
    def indecent(self) -> int:
        return self.refused + self.removed

    @property
    def stopped(self) -> float | None:
        """The share that never came on show, if there were any."""
        return self.refused / self.indecent if self.indecent else None


@dataclass(frozen=True)
class Failures:
    """Pictures that were held because they could not be compared."""

    pictures: int
    waiting: int  # of them, those that are held still, whenever they were uploaded


@dataclass(frozen=True)
class CheckTimes:
    """Milliseconds within which half, and 95 of 100, of the comparisons were done."""

    p50: float
    p95: float


@dataclass(frozen=True)
class DecisionTimes:
    """Seconds from an upload to the first decision on it, within which half, and nine of ten, were decided."""

    median: float
    p90: float


@dataclass(frozen=True)
class Appeals:
    """Appeals by what became of them."""

    upheld: int
    overturned: int
    waiting: int


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
class Entries:
    """The blocklist as it is now."""

    in_force: int
    withdrawn: int


@dataclass(frozen=True)
class Figures:
    """What the cards of the statistics say."""

    uploads: int
    outcomes: Outcomes
    marked: int
    swept: int
    waiting: int
    failures: Failures
    check_times: CheckTimes | None
    entries: Entries
    decision_times: DecisionTimes | None
    appeals: Appeals

    @property
    def false_positives(self) -> float | None:
        """The share of refusals that appeals have overturned, among all refusals."""
        refused = self.outcomes.refused + self.appeals.overturned
        return self.appeals.overturned / refused if refused else None


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
class Person:
    account: Account
    uploads: int
    refused: int
    removed: int


def start(days: int, moment: datetime) -> datetime:
    """When the first of so many days began, the day of that moment being the last."""
    return datetime.combine(moment.astimezone(UTC).date() - timedelta(days - 1), time(), UTC)


def figures(since: Since) -> Figures:
    return Figures(
        uploads(since),
        outcomes(since),
        marked(since),
        swept(since),
        waiting(),
        failures(since),
        check_times(since),
        entries(),
        decision_times(since),
        appeals(since),
    )


def uploads(since: Since) -> int:
    """Uploads that were compared with the blocklist."""
    return _count(sa.select(sa.func.count(Check.id)).where(Check.occasion == Occasion.UPLOAD, within(Check, since)))


def outcomes(since: Since) -> Outcomes:
    counted = sa.select(_count_if(Picture.status == Status.REFUSED), _count_if(Picture.status == Status.REMOVED))
    refused, removed = db.session.execute(counted.where(within(Picture, since))).one()
    return Outcomes(refused, removed)


def marked(since: Since) -> int:
    """Pictures that a moderator found indecent, where that stands."""
    standing = (Decision.kind == Kind.MARK, Decision.undone.is_(None))
    return _count(sa.select(sa.func.count(Decision.id)).where(*standing, within(Decision, since)))


def swept(since: Since) -> int:
    """Pictures that went down as near copies, by a decision that stands on them still."""
    standing = (
        # A picture that an entry first held and then took down has two actions of one decision.
        sa.select(sa.func.count(sa.distinct(Picture.id)))
        .join(Action, sa.and_(Action.picture_id == Picture.id, Action.decision_id == Picture.decision_id))
        .join(Action.decision)
        .where(
            Action.entry_id.is_not(None),
            Picture.status.in_((Status.REFUSED, Status.REMOVED)),
            Decision.undone.is_(None),
            within(Decision, since),
        )
    )
    return _count(standing)


def waiting() -> int:
    """Pictures that are held for a moderator now."""
    return _count(sa.select(sa.func.count(Picture.id)).where(Picture.status == Status.HELD))


def failures(since: Since) -> Failures:
    later = aliased(Check)
    latest = sa.select(sa.func.max(later.id)).where(later.picture_id == Check.picture_id).scalar_subquery()
    held = sa.and_(Picture.status == Status.HELD, Check.id == latest)
    counted = (
        sa.select(_count_pictures_if(within(Check, since)), _count_pictures_if(held))
        .join(Picture, Picture.id == Check.picture_id)
        .where(Check.failure.is_not(None))
    )
    pictures, still = db.session.execute(counted).one()
    return Failures(pictures, still)


def check_times(since: Since) -> CheckTimes | None:
    """Of uploads that could be compared; None where there were none."""
    ranked = (
        sa.select(
            Check.milliseconds,
            sa.func.row_number().over(order_by=Check.milliseconds).label("rank"),
            sa.func.count().over().label("of"),
        )
        .where(Check.occasion == Occasion.UPLOAD, Check.failure.is_(None), within(Check, since))
        .subquery()
    ).c
    p50, p95 = (
        sa.func.min(sa.case((ranked.rank * 100 >= ranked.of * percent, ranked.milliseconds))) for percent in (50, 95)
    )
    found = db.session.execute(sa.select(p50, p95)).one()
    return None if found[0] is None else CheckTimes(*found)


def entries() -> Entries:
    counted = sa.select(_count_if(Entry.withdrawn.is_(None)), _count_if(Entry.withdrawn.is_not(None)))
    return Entries(*db.session.execute(counted).one())


def most_matched(since: Since, limit: int) -> list[EntryFigures]:
    """The entries with the most matches in that time first; those without any, newest first, at the end."""
    inside = within(Check, since)
    found = (
        sa.select(
            Match.entry_id,
            sa.func.count(sa.distinct(sa.case((inside, Check.id)))).label("matches"),
            sa.func.count(sa.distinct(sa.case((inside, Picture.member_id)))).label("members"),
            sa.func.max(Check.created).label("last"),
        )
        .join(Match.check)
        .join(Picture, Picture.id == Check.picture_id)
        .where(Match.verdict != Verdict.PUBLISH)
        .group_by(Match.entry_id)
        .subquery()
    )
    matches, members = (sa.func.coalesce(column, 0) for column in (found.c.matches, found.c.members))
    ranked = (
        sa.select(Entry, matches, members, found.c.last)
        .outerjoin(found, found.c.entry_id == Entry.id)
        .options(joinedload(Entry.decision).joinedload(Decision.by))
        .order_by(matches.desc(), Entry.id.desc())
        .limit(limit)
    )
    return [EntryFigures(*row) for row in db.session.execute(ranked)]


def decision_times(since: Since) -> DecisionTimes | None:
    """Of the decisions in that time on pictures by a person looking at them; None where there were none."""
    first = (
        sa.select(Picture.created, sa.func.min(Decision.created))
        .join(Action, Action.picture_id == Picture.id)
        .join(Action.decision)
        .where(
            Decision.kind.in_((Kind.MARK, Kind.APPROVE)),
            Action.decides,
            Action.entry_id.is_(None),
            within(Decision, since),
        )
        .group_by(Picture.id, Picture.created)
    )
    seconds = [(decided - uploaded).total_seconds() for uploaded, decided in db.session.execute(first)]
    if len(seconds) < 2:
        return DecisionTimes(seconds[0], seconds[0]) if seconds else None
    tenths = quantiles(seconds, n=10, method="inclusive")
    return DecisionTimes(tenths[4], tenths[8])


def appeals(since: Since) -> Appeals:
    """Appeals made in that time."""
    decided = sa.and_(Appeal.decision_id.is_not(None), Decision.undone.is_(None))
    counted = (
        sa.select(
            _count_if(sa.and_(decided, Decision.kind == Kind.UPHOLD)),
            _count_if(sa.and_(decided, Decision.kind == Kind.OVERTURN)),
            _count_if(sa.not_(sa.func.coalesce(decided, sa.false()))),
        )
        .select_from(Appeal)
        .outerjoin(Decision, Appeal.decision_id == Decision.id)
        .where(within(Appeal, since))
    )
    return Appeals(*db.session.execute(counted).one())


def moderators(since: Since) -> list[Moderator]:
    """Who has decided how much, the most first."""
    counted = (
        sa.select(
            Account.name,
            _count_if(Decision.kind == Kind.MARK),
            _count_if(Decision.kind == Kind.APPROVE),
            _count_if(Decision.kind.in_((Kind.UPHOLD, Kind.OVERTURN))),
            _count_if(Decision.undone.is_not(None)),
        )
        .join(Decision, Decision.by_id == Account.id)
        .where(within(Decision, since))
        .group_by(Account.id, Account.name)
        .order_by(sa.func.count().desc(), Account.name)
    )
    return [Moderator(*row) for row in db.session.execute(counted)]


def offenders(since: Since, limit: int, at_least: int = 2) -> list[Offender]:
    """Members of whom at least so many pictures were refused or taken down, the most first."""
    refused, removed = _count_if(Picture.status == Status.REFUSED), _count_if(Picture.status == Status.REMOVED)
    counted = (
        sa.select(Account, refused, removed, sa.func.count(Picture.id))
        .join(Picture, Picture.member_id == Account.id)
        .where(within(Picture, since))
        .group_by(Account.id)
        .having(refused + removed >= at_least)
        .order_by((refused + removed).desc(), Account.id)
        .limit(limit)
    )
    return [Offender(*row) for row in db.session.execute(counted)]


def by_view(since: Since) -> list[tuple[str, int]]:
    """In which views the refused and held pictures came near to the entry that counted, the most frequent first."""
    counted = (
        sa.select(Match.view, Match.asked, sa.func.count(sa.distinct(Check.id)))
        .join(Match.check)
        .where(Match.entry_id == Check.entry_id, Check.verdict != Verdict.PUBLISH, within(Check, since))
        .group_by(Match.view, Match.asked)
    )
    names: Counter[str] = Counter()
    for view, asked, number in db.session.execute(counted):
        names[labels(view, asked)] += number
    return names.most_common()


def per_day(since: Since, until: datetime) -> list[Day]:
    """Every day of that time, those without an upload too; of all time, from the first upload on."""
    day = sa.func.date(Picture.created, type_=sa.Date)
    counted = (
        sa.select(
            day,
            sa.func.count(Picture.id),
            _count_if(Picture.status == Status.REFUSED),
            _count_if(Picture.status == Status.REMOVED),
        )
        .where(within(Picture, since))
        .group_by(day)
    )
    found = {row[0]: Day(*row) for row in db.session.execute(counted)}
    return [found.get(one) or Day(one, 0, 0, 0) for one in _dates(since, until, found)]


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


def distances(since: Since, widest: int) -> Distances:
    """Every distance from 0 to the widest that is recorded, or was while another setting held."""
    counted = (
        sa.select(Match.dhash, Match.verdict, sa.func.count())
        .join(Match.check)
        .where(within(Check, since))
        .group_by(Match.dhash, Match.verdict)
    )
    found = {(bits, verdict): number for bits, verdict, number in db.session.execute(counted)}
    checks, without = db.session.execute(
        sa.select(sa.func.count(Check.id), _count_if(Check.candidates == 0)).where(
            Check.failure.is_(None), within(Check, since)
        )
    ).one()
    split = (Verdict.REFUSE, Verdict.HOLD, Verdict.PUBLISH)
    farthest = max([widest, *(bits for bits, _ in found)])
    by_bits = [Distance(bits, *(found.get((bits, verdict), 0) for verdict in split)) for bits in range(farthest + 1)]
    return Distances(by_bits, checks, without)


def people(search: str, after: str, limit: int) -> list[Person]:
    """Accounts whose names hold what is searched for, by name, those after the one with that key."""
    own = (
        sa.select(
            Picture.member_id,
            sa.func.count(Picture.id).label("uploads"),
            _count_if(Picture.status == Status.REFUSED).label("refused"),
            _count_if(Picture.status == Status.REMOVED).label("removed"),
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


def within(kind: type[Check] | type[Picture] | type[Decision] | type[Appeal], since: Since) -> sa.ColumnElement[bool]:
    """Whether it was made in that time."""
    if isinstance(since, Period):
        return sa.and_(kind.created >= since.start, kind.created < since.end)
    return kind.created >= since if since else sa.true()


def before(since: datetime, moment: datetime) -> Period:
    """The period before the one from `since` to that moment, equally long."""
    return Period(since - (moment - since), since)


def _count_if(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.count(sa.case((condition, 1)))


def _count_pictures_if(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.count(sa.distinct(sa.case((condition, Check.picture_id))))


def _count(query: sa.Select[Any]) -> int:
    return db.session.scalar(query) or 0
