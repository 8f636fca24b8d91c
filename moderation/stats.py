"""What happened, in numbers: one query per figure. A day is a day of UTC."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime, time, timedelta
from statistics import quantiles
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, aliased, joinedload

from .database import db
from .matching import Verdict
from .models import (
    HELD_OR_LET_GO,
    Account,
    Action,
    Appeal,
    Check,
    Decision,
    Entry,
    Kind,
    Match,
    Occasion,
    Picture,
    Status,
)
from .views import labels


class Period(NamedTuple):
    """From its start on, up to its end."""

    start: datetime
    end: datetime


DOWN = (Status.REFUSED, Status.REMOVED)

PART = 1000
"""Ids in one query at most."""

COLUMNS = 100
"""Numbers that one query asks for at most."""

TIMED = 5_000
"""Of so many of the latest uploads it is told how long their comparison took."""

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
    """The blocklist at some moment."""

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
    end = since.end if isinstance(since, Period) else None
    return Figures(
        uploads(since),
        outcomes(since),
        marked(since),
        swept(since),
        waiting(end),
        failures(since),
        check_times(since),
        entries(end),
        decision_times(since),
        appeals(since),
    )


def uploads(since: Since) -> int:
    """Uploads that were compared with the blocklist."""
    return _count(sa.select(sa.func.count(Check.id)).where(Check.occasion == Occasion.UPLOAD, within(Check, since)))


def outcomes(since: Since) -> Outcomes:
    counted = sa.select(Picture.status, sa.func.count()).where(Picture.status.in_(DOWN), within(Picture, since))
    found = {row[0]: row[1] for row in db.session.execute(counted.group_by(Picture.status))}
    return Outcomes(found.get(Status.REFUSED, 0), found.get(Status.REMOVED, 0))


def marked(since: Since) -> int:
    """Pictures that a moderator found indecent, where that stands."""
    standing = (Decision.kind == Kind.MARK, Decision.undone.is_(None))
    return _count(sa.select(sa.func.count(Decision.id)).where(*standing, within(Decision, since)))


def swept(since: Since) -> int:
    """Pictures that went down as near copies, by a decision that stands on them still."""
    # For each action of that time, how its picture is now: asked like this, no database goes through all pictures.
    now_down = (
        sa.select(Picture.status)
        .where(Picture.id == Action.picture_id, Picture.decision_id == Action.decision_id)
        .scalar_subquery()
        .in_(DOWN)
    )
    decisions = sa.select(Decision.id).where(Decision.undone.is_(None), within(Decision, since))
    # A picture that an entry first held and then took down has two actions of one decision.
    standing = sa.select(sa.func.count(sa.distinct(Action.picture_id)))
    standing = standing.where(Action.entry_id.is_not(None), Action.decision_id.in_(decisions), now_down)
    return _count(standing)


def waiting(at: datetime | None = None) -> int:
    """Pictures that are held for a moderator, now or at that moment; not those of members erased since."""
    held = Picture.status == Status.HELD
    if at is None:
        return _count(sa.select(sa.func.count(Picture.id)).where(held))
    # Of what happened to each since, the first tells how it was before; of what nothing happened to, how it is now.
    first: dict[int, tuple[datetime, bool]] = {}
    for picture_id, moment, was_held in (*_held_or_let_go(at), *_held_again(at)):
        if picture_id not in first or moment < first[picture_id][0]:
            first[picture_id] = moment, was_held
    there = sa.select(Picture.id).where(Picture.created < at)
    last = db.session.scalar(there.order_by(Picture.created.desc()).limit(1)) or 0
    then = sum(was_held for picture_id, (_, was_held) in first.items() if picture_id <= last)
    return then + sum(id_ not in first for id_ in db.session.scalars(there.where(held)))


def _held_or_let_go(at: datetime) -> Iterator[tuple[int, datetime, bool]]:
    """Pictures that decisions, or undoing them, have since made wait or wait no more; when; whether they did before."""
    earlier, older = aliased(Action), aliased(Decision)
    decided_on = sa.select(earlier.id).join(older, earlier.decision_id == older.id)
    decided_on = decided_on.where(
        earlier.picture_id == Action.picture_id,
        earlier.id > Action.id,
        earlier.before == Status.HELD,
        older.created < at,
    )
    taken_back = sa.and_(Decision.undone >= at, sa.not_(decided_on.exists()))
    wanted = (
        sa.select(Action.picture_id, Action.before, Action.after, Decision.created, Decision.undone)
        .join(Action.decision)
        .where(HELD_OR_LET_GO, sa.or_(Decision.created >= at, taken_back))
    )
    for picture_id, before, after, created, undone in db.session.execute(wanted):
        if created >= at:
            yield picture_id, created, before is Status.HELD
        elif undone:
            yield picture_id, undone, after is Status.HELD


def _held_again(at: datetime) -> Iterator[tuple[int, datetime, bool]]:
    """Likewise, what has since been on its way back on show and was held."""
    again = sa.select(Check.picture_id, Check.created).where(
        Check.occasion == Occasion.REVIEW, Check.created >= at, Check.verdict == Verdict.HOLD
    )
    for picture_id, created in db.session.execute(again):
        yield picture_id, created, False


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
    """Of the latest uploads that could be compared; None where there were none."""
    done = Check.occasion == Occasion.UPLOAD, Check.failure.is_(None), within(Check, since)
    latest = sa.select(Check.milliseconds).where(*done).order_by(Check.created.desc()).limit(TIMED)
    took = sorted(db.session.scalars(latest))
    return CheckTimes(*(took[-(-len(took) * percent // 100) - 1] for percent in (50, 95))) if took else None


def entries(at: datetime | None = None) -> Entries:
    """Those that block, now or at that moment, and those that do not: as far back as each one's last withdrawal."""
    all_ = _count(sa.select(sa.func.count()).select_from(Entry))
    # Not "is not null", for which SQLite goes through all entries.
    blocking = all_ - _count(sa.select(sa.func.count()).where(Entry.withdrawn > datetime.fromtimestamp(0, UTC)))
    if at is None:
        return Entries(blocking, all_ - blocking)
    # What has changed since: there is less of it than of all.
    there = Entry.created < at
    counted = sa.select(sa.func.count(), _count_if(Entry.withdrawn.is_(None))).select_from(Entry)
    added, of_them_blocking = db.session.execute(counted.where(~there)).one()
    withdrawn = _count(sa.select(_count_if(there)).where(Entry.withdrawn >= at))
    ever = db.session.scalars(sa.select(Entry.id).where(Entry.withdrawal_id > 0)).all()
    restored = sa.select(Entry.id).join(Entry.withdrawal)
    restored = restored.where(there, Entry.withdrawn.is_(None), Decision.created < at, Decision.undone >= at)
    blocked = blocking - of_them_blocking + withdrawn - sum(1 for _ in _in_parts(restored, Entry.id, ever))
    return Entries(blocked, all_ - added - blocked)


def most_matched(since: Since, limit: int) -> list[EntryFigures]:
    """The entries with the most matches in that time first; those without any, newest first, at the end."""
    counting = Match.verdict.in_((Verdict.HOLD, Verdict.REFUSE))
    # For each match, whose picture it was: asked like this, no database goes through all checks.
    member = sa.select(Picture.member_id).join(Check, Check.picture_id == Picture.id).where(Check.id == Match.check_id)
    members = sa.func.count(sa.distinct(member.scalar_subquery()))
    entry, matches = _unordered(Match.entry_id), sa.func.count(sa.distinct(Match.check_id))
    found = sa.select(entry, matches, members).where(counting, within(Match, since)).group_by(entry)
    ranked = db.session.execute(found.order_by(matches.desc(), entry.desc()).limit(limit)).all()
    figures = {row[0]: (row[1], row[2]) for row in ranked}
    ids = list(figures)
    if len(ids) < limit:
        others = sa.select(Entry.id).where(Entry.id.not_in(ids)).order_by(Entry.id.desc())
        ids += db.session.scalars(others.limit(limit - len(ids)))
    last = sa.select(Match.entry_id, sa.func.max(Match.created)).where(counting)
    latest = {row[0]: row[1] for row in _in_parts(last.group_by(Match.entry_id), Match.entry_id, ids)}
    wanted = sa.select(Entry).options(joinedload(Entry.decision).joinedload(Decision.by))
    by_id = {row[0].id: row[0] for row in _in_parts(wanted, Entry.id, ids)}
    return [EntryFigures(by_id[id_], *figures.get(id_, (0, 0)), latest.get(id_)) for id_ in ids]


def _unordered(column: Any) -> sa.ColumnElement[int]:
    """The column as no index has it in order: the database begins with the rows that are asked for, and groups those,
    in place of going through all rows group by group."""
    return cast("sa.ColumnElement[int]", column + sa.literal_column("0"))


def _in_parts(query: sa.Select[*tuple[Any, ...]], column: Any, ids: Sequence[int]) -> Iterator[Any]:
    """The rows where the column is one of those: no database takes any number of them at once."""
    for start in range(0, len(ids), PART):
        yield from db.session.execute(query.where(column.in_(ids[start : start + PART])))


def decision_times(since: Since) -> DecisionTimes | None:
    """Of the decisions in that time on pictures by a person looking at them; None where there were none."""
    # Whole seconds on SQLite: reckoned by the database, which is twice as fast as to read two times of each.
    taken = sa.func.min(sa.extract("epoch", Decision.created)) - sa.extract("epoch", Picture.created)
    first = (
        sa.select(taken)
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
    seconds = [float(one) for one in db.session.scalars(first)]
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
    number = sa.func.count()
    member = _unordered(Picture.member_id)
    most = sa.select(member).where(Picture.status.in_(DOWN), within(Picture, since)).group_by(member)
    most = most.having(number >= at_least).order_by(number.desc(), member)
    ids = db.session.scalars(most.limit(limit)).all()
    refused, removed = _count_if(Picture.status == Status.REFUSED), _count_if(Picture.status == Status.REMOVED)
    counted = sa.select(Account, refused, removed, number).join(Picture, Picture.member_id == Account.id)
    counted = counted.where(within(Picture, since)).group_by(Account.id)
    found = {row[0].id: Offender(*row) for row in _in_parts(counted, Account.id, ids)}
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


def per_day(since: Since, until: datetime) -> list[Day]:
    """Every day of that time, those without an upload too; of all time, from the first upload on."""
    day = sa.func.date(Picture.created, type_=sa.Date)
    counted = sa.select(day, Picture.status, sa.func.count()).where(Picture.status.in_(DOWN), within(Picture, since))
    down = {(row[0], row[1]): row[2] for row in db.session.execute(counted.group_by(day, Picture.status))}
    earliest = None if since else db.session.scalar(sa.select(sa.func.min(Picture.created)))
    dates = _dates(since, until, [earliest.astimezone(UTC).date()] if earliest else ())
    # Each day is a stretch of an index, where SQLite begins at the first bound that it is given.
    uploads = _numbers(
        [sa.select(sa.func.count()).where(within(Picture, _day(one)), within(Picture, since)) for one in dates]
    )
    return [
        Day(one, number, down.get((one, Status.REFUSED), 0), down.get((one, Status.REMOVED), 0))
        for one, number in zip(dates, uploads, strict=True)
    ]


def _day(day: date) -> Period:
    begun = datetime.combine(day, time(), UTC)
    return Period(begun, begun + timedelta(1))


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
    split = (Verdict.REFUSE, Verdict.HOLD, Verdict.PUBLISH)
    recorded = _numbers([sa.select(sa.func.max(Match.dhash)).where(Match.verdict == verdict) for verdict in split])
    bars = range(max(widest, *recorded) + 1)
    # Each is a stretch of an index; to group them, a database would sort them first.
    of_that_time = sa.select(sa.func.count()).where(within(Match, since))
    numbers = _numbers(
        [of_that_time.where(Match.verdict == verdict, Match.dhash == bits) for bits in bars for verdict in split]
    )
    by_bits = [Distance(bits, *numbers[bits * len(split) :][: len(split)]) for bits in bars]
    while len(by_bits) > widest + 1 and not any(astuple(by_bits[-1])[1:]):
        by_bits.pop()
    checks, without = db.session.execute(
        sa.select(sa.func.count(Check.id), _count_if(Check.candidates == 0)).where(
            Check.failure.is_(None), within(Check, since)
        )
    ).one()
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


def within(kind: type[Check | Match | Picture | Decision | Appeal], since: Since) -> sa.ColumnElement[bool]:
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


def _numbers(queries: Sequence[sa.Select[*tuple[Any, ...]]]) -> list[int]:
    """The one number that each of these queries finds, or 0: many asked for at once."""
    found: list[int] = []
    for start in range(0, len(queries), COLUMNS):
        asked = (query.scalar_subquery() for query in queries[start : start + COLUMNS])
        found += [number or 0 for number in db.session.execute(sa.select(*asked)).one()]
    return found


def _count(query: sa.Select[Any]) -> int:
    return db.session.scalar(query) or 0
