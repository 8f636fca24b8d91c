"""What happened, in numbers: one query per figure. A day is a day of UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import quantiles

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from .counting import Period, Since, before, count, count_if, within
from .database import db, in_parts
from .matching import Verdict
from .models import (
    DOWN,
    HELD_OR_LET_GO,
    Action,
    Appeal,
    Check,
    Decision,
    Entry,
    Kind,
    Occasion,
    Picture,
    Status,
)

TIMED = 1_000
"""Of so many of the latest uploads it is told how long their comparison took, and of so many decisions at least, spread
evenly over the time, how long they were waited for."""


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
    one_in: int = 1  # of the decisions, which it was told by


@dataclass(frozen=True)
class Appeals:
    """Appeals by what became of them."""

    upheld: int
    overturned: int
    waiting: int


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


def figures(since: Since, now: Entries | None = None) -> Figures:
    """`now` is the blocklist now, where that is known already."""
    end = since.end if isinstance(since, Period) else None
    return Figures(
        uploads(since),
        outcomes(since),
        marked(since),
        swept(since),
        waiting(end),
        failures(since),
        check_times(since),
        entries(end, now),
        decision_times(since),
        appeals(since),
    )


def compared(since: Since, moment: datetime) -> tuple[Figures, Figures | None]:
    """The figures from then until that moment, and those of the period before; None where that has no beginning."""
    found = figures(since)
    return found, figures(before(since, moment), found.entries) if isinstance(since, datetime) else None


def uploads(since: Since) -> int:
    """Uploads that were compared with the blocklist."""
    return count(sa.select(sa.func.count()).where(Check.occasion == Occasion.UPLOAD, within(Check, since)))


def outcomes(since: Since) -> Outcomes:
    counted = sa.select(Picture.status, sa.func.count()).where(Picture.status.in_(DOWN), within(Picture, since))
    found = {row[0]: row[1] for row in db.session.execute(counted.group_by(Picture.status))}
    return Outcomes(found.get(Status.REFUSED, 0), found.get(Status.REMOVED, 0))


def marked(since: Since) -> int:
    """Pictures that a moderator found indecent, where that stands."""
    standing = (Decision.kind == Kind.MARK, Decision.undone.is_(None))
    return count(sa.select(sa.func.count()).where(*standing, within(Decision, since)))


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
    return count(standing)


def waiting(at: datetime | None = None) -> int:
    """Pictures that are held for a moderator, now or at that moment; not those of members erased since."""
    held = Picture.status == Status.HELD
    if at is None:
        return count(sa.select(sa.func.count()).where(held))
    # Of what happened to each since, the first tells how it was before; of what nothing happened to, how it is now.
    events = sa.union_all(_held_or_let_go(at), _held_again(at)).subquery()
    in_turn = sa.select(events.c.picture_id, events.c.was_held).order_by(events.c.moment, events.c.was_held.desc())
    first: dict[int, bool] = {}
    for picture_id, was_held in db.session.execute(in_turn):
        first.setdefault(picture_id, was_held)
    there = sa.select(Picture.id).where(Picture.created < at)
    last = db.session.scalar(there.order_by(Picture.created.desc()).limit(1)) or 0
    then = sum(was_held for picture_id, was_held in first.items() if picture_id <= last)
    return then + sum(id_ not in first for id_ in db.session.scalars(there.where(held)))


def _held_or_let_go(at: datetime) -> sa.Select[int, bool, datetime]:
    """Pictures that decisions, or undoing them, have since made wait or wait no more; whether they did before; when."""
    earlier, older = aliased(Action), aliased(Decision)
    decided_on = sa.select(earlier.id).join(older, earlier.decision_id == older.id)
    decided_on = decided_on.where(
        earlier.picture_id == Action.picture_id,
        earlier.id > Action.id,
        earlier.before == Status.HELD,
        older.created < at,
    )
    taken_back = sa.and_(Decision.undone >= at, sa.not_(decided_on.exists()))
    # What was held on its way back on show was so later than that decision was made: its check tells.
    decided = sa.and_(Decision.created >= at, Action.before != Status.PENDING)
    was_held = sa.case((decided, Action.before == Status.HELD), else_=Action.after == Status.HELD)
    moment = sa.case((decided, Decision.created), else_=Decision.undone)
    events = sa.select(Action.picture_id, was_held.label("was_held"), moment.label("moment")).join(Action.decision)
    return events.where(HELD_OR_LET_GO, sa.or_(decided, taken_back))


def _held_again(at: datetime) -> sa.Select[int, bool, datetime]:
    """Likewise, what has since been on its way back on show and was held."""
    again = sa.select(Check.picture_id, sa.false().label("was_held"), Check.created.label("moment"))
    return again.where(Check.occasion == Occasion.REVIEW, Check.created >= at, Check.verdict == Verdict.HOLD)


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


def entries(at: datetime | None = None, now: Entries | None = None) -> Entries:
    """Those that block, now or at that moment, and those that do not: as far back as each one's last withdrawal.

    Not known is when one that was suspended has been restored alone: it counts as blocking all the while.
    """
    now = now or _entries_now()
    if at is None:
        return now
    all_ = now.in_force + now.withdrawn
    # What has changed since: there is less of it than of all.
    there = Entry.created < at
    counted = sa.select(sa.func.count(), count_if(Entry.withdrawn.is_(None))).select_from(Entry)
    added, of_them_blocking = db.session.execute(counted.where(~there)).one()
    withdrawn = count(sa.select(count_if(there)).where(Entry.withdrawn >= at))
    ever = db.session.scalars(sa.select(Entry.id).where(Entry.withdrawal_id > 0)).all()
    restored = sa.select(Entry.id).join(Entry.withdrawal)
    restored = restored.where(there, Entry.withdrawn.is_(None), Decision.created < at, Decision.undone >= at)
    blocked = now.in_force - of_them_blocking + withdrawn - sum(1 for _ in in_parts(restored, Entry.id, ever))
    return Entries(blocked, all_ - added - blocked)


def _entries_now() -> Entries:
    all_ = count(sa.select(sa.func.count()).select_from(Entry))
    # Not "is not null", for which SQLite goes through all entries.
    withdrawn = count(sa.select(sa.func.count()).where(Entry.withdrawn > datetime.fromtimestamp(0, UTC)))
    return Entries(all_ - withdrawn, withdrawn)


def decision_times(since: Since) -> DecisionTimes | None:
    """Of the decisions in that time on pictures by a person looking at them; None where there were none."""
    by_looking = Decision.kind.in_((Kind.MARK, Kind.APPROVE)), within(Decision, since)
    one_in = max(1, count(sa.select(sa.func.count()).where(*by_looking)) // TIMED)
    # Whole seconds on SQLite: reckoned by the database, which is twice as fast as to read two times of each.
    taken = sa.func.min(sa.extract("epoch", Decision.created)) - sa.extract("epoch", Picture.created)
    first = (
        sa.select(taken)
        .join(Action, Action.picture_id == Picture.id)
        .join(Action.decision)
        .where(*by_looking, Decision.id % one_in == 0, Action.decides, Action.entry_id.is_(None))
        .group_by(Picture.id, Picture.created)
    )
    seconds = [float(one) for one in db.session.scalars(first)]
    if len(seconds) < 2:
        return DecisionTimes(seconds[0], seconds[0], one_in) if seconds else None
    tenths = quantiles(seconds, n=10, method="inclusive")
    return DecisionTimes(tenths[4], tenths[8], one_in)


def appeals(since: Since) -> Appeals:
    """Appeals made in that time."""
    decided = sa.and_(Appeal.decision_id.is_not(None), Decision.undone.is_(None))
    counted = (
        sa.select(
            count_if(sa.and_(decided, Decision.kind == Kind.UPHOLD)),
            count_if(sa.and_(decided, Decision.kind == Kind.OVERTURN)),
            count_if(sa.not_(sa.func.coalesce(decided, sa.false()))),
        )
        .select_from(Appeal)
        .outerjoin(Decision, Appeal.decision_id == Decision.id)
        .where(within(Appeal, since))
    )
    return Appeals(*db.session.execute(counted).one())


def _count_pictures_if(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.count(sa.distinct(sa.case((condition, Check.picture_id))))
