"""Finding pictures: a member's, the ones that wait for a moderator, what has changed, what was decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from .database import db
from .models import (
    DOWN,
    Account,
    Action,
    Appeal,
    Caution,
    Check,
    Decision,
    Entry,
    FingerprintRow,
    Kind,
    Match,
    Picture,
    Status,
)

COUNTED = 1000
"""Counts go so far; beyond it a grid says "999+"."""

IN_THE_BAR = 100
"""Those on top of every page go so far; beyond it the bar says "99+"."""

_ELSEWHERE = (Status.PENDING, Status.ESCALATED, Status.ERASED)

SHOWS = {
    "undecided": (
        Picture.decision_id.is_(None),
        Picture.status.in_((Status.PUBLISHED, Status.HELD, Status.REPLACED)),
        Picture.purged.is_(None),
    ),
    "held": (Picture.status == Status.HELD,),
    "refused": (Picture.status == Status.REFUSED,),
    "decided": (Picture.decision_id.is_not(None), Picture.status.not_in(_ELSEWHERE)),
    "all": (Picture.status.not_in(_ELSEWHERE),),
}
"""The grid's filters by name."""

_COUNTED_SHOWS = ("undecided", "held", "refused")

_DETAIL = FingerprintRow.detail

FOR_CARDS = (
    joinedload(Picture.member),
    joinedload(Picture.appeal),
    joinedload(Picture.fingerprint).load_only(_DETAIL),
    joinedload(Picture.decision).joinedload(Decision.by),
    joinedload(Picture.decision).selectinload(Decision.actions),
    joinedload(Picture.decision).selectinload(Decision.entries).joinedload(Entry.fingerprint).load_only(_DETAIL),
)

# Made once: open grids ask for these every second.
_CHANGED = (
    sa.select(Picture)
    # Escalated ones too: they leave every open grid.
    .where(Picture.version > sa.bindparam("since"), Picture.status != Status.PENDING)
    .options(*FOR_CARDS)
    .order_by(Picture.version, Picture.id)
    .limit(sa.bindparam("limit"))
)


def counting(those: sa.Select[Any] | sa.CompoundSelect[Any], most: int | None) -> sa.Select[Any]:
    """How many those are, counted no further than that."""
    return sa.select(sa.func.count()).select_from(those.limit(most).subquery())


_COUNTS = sa.select(
    *(
        counting(sa.select(Picture.id).where(*SHOWS[show]), COUNTED).scalar_subquery().label(show)
        for show in _COUNTED_SHOWS
    )
)
_HELD = counting(sa.select(Picture.id).where(*SHOWS["held"]), IN_THE_BAR)


def find(picture_id: int) -> Picture | None:
    return db.session.get(Picture, picture_id)


def on_show(member_id: int) -> Picture | None:
    """The member's profile picture that others see, if there is one."""
    shown = sa.select(Picture).filter_by(member_id=member_id, status=Status.PUBLISHED)
    return db.session.scalars(shown.order_by(Picture.id.desc()).limit(1)).first()


def latest(member_id: int, limit: int) -> Sequence[Picture]:
    """What the member uploaded last, whatever became of it, latest first."""
    own = (
        sa.select(Picture)
        .filter_by(member_id=member_id)
        .options(joinedload(Picture.decision), joinedload(Picture.appeal))
    )
    return db.session.scalars(own.order_by(Picture.id.desc()).limit(limit)).all()


def told(member_id: int, whatever: int, before: int | None, limit: int) -> Sequence[Picture]:
    """Uploads of whose state the member is told, latest first, older than `before` if it is given.

    The latest so many whatever became of them, and beside them each that can be or was appealed, however old.
    """
    newest = sa.select(Picture.id).filter_by(member_id=member_id).order_by(Picture.id.desc()).limit(whatever)
    down = sa.and_(Picture.status.in_(DOWN), Picture.purged.is_(None))
    wanted = (
        sa.select(Picture)
        .outerjoin(Picture.appeal)
        .where(Picture.member_id == member_id, sa.or_(Picture.id.in_(newest), down, Appeal.id.is_not(None)))
        .options(joinedload(Picture.decision), contains_eager(Picture.appeal).joinedload(Appeal.decision))
    )
    if before is not None:
        wanted = wanted.where(Picture.id < before)
    return db.session.scalars(wanted.order_by(Picture.id.desc()).limit(limit)).all()


def newest(show: str, before: int | None, limit: int) -> Sequence[Picture]:
    """Pictures for the grid, newest first, older than `before` if it is given."""
    wanted = sa.select(Picture).where(*SHOWS[show]).options(*FOR_CARDS)
    if before is not None:
        wanted = wanted.where(Picture.id < before)
    return db.session.scalars(wanted.order_by(Picture.id.desc()).limit(limit)).all()


def undecided(among: Sequence[int]) -> Sequence[Picture]:
    """Those of these pictures on which nobody has decided, newest first."""
    wanted = sa.select(Picture).where(Picture.id.in_(among), *SHOWS["undecided"]).options(*FOR_CARDS)
    return db.session.scalars(wanted.order_by(Picture.id.desc())).all() if among else []


def changed(since: int, limit: int) -> Sequence[Picture]:
    """Pictures that are new or different since that version of the list, in the order of their versions."""
    return db.session.scalars(_CHANGED, {"since": since, "limit": limit}).all()


def counts() -> dict[str, int]:
    """How many pictures each filter shows, up to `COUNTED`; of those that only grow, it does not matter."""
    return dict(db.session.execute(_COUNTS).one()._mapping)


def checks(picture_id: int) -> Sequence[Check]:
    """How often the picture was compared with the blocklist, and what came of it, latest first."""
    of_it = sa.select(Check).filter_by(picture_id=picture_id).options(selectinload(Check.matches))
    return db.session.scalars(of_it.order_by(Check.id.desc())).all()


def held(limit: int) -> Sequence[Picture]:
    """Pictures that wait for a person, the oldest first."""
    wanted = sa.select(Picture).filter_by(status=Status.HELD).options(*FOR_CARDS)
    return db.session.scalars(wanted.order_by(Picture.id).limit(limit)).all()


def number_held() -> int:
    """How many those are, up to `IN_THE_BAR`."""
    return db.session.scalar(_HELD) or 0


def nearest(of: Sequence[Picture]) -> dict[int, Match]:
    """By picture, the match that its latest check was decided by; not for what matched nothing."""
    latest = sa.select(sa.func.max(Check.id)).where(Check.picture_id.in_([one.id for one in of]))
    latest = latest.where(Check.entry_id.is_not(None)).group_by(Check.picture_id)
    wanted = sa.select(Check.picture_id, Match).join(Match.check)
    wanted = wanted.where(Check.id.in_(latest), Match.entry_id == Check.entry_id)
    return {row[0]: row[1] for row in db.session.execute(wanted)}


def cautions(of: Sequence[Picture]) -> dict[int, Caution]:
    """By picture, why it was held whatever its verdict; not for others."""
    wanted = sa.select(Check.picture_id, Check.caution).where(Check.picture_id.in_([one.id for one in of]))
    return {row[0]: row[1] for row in db.session.execute(wanted.where(Check.caution.is_not(None))) if row[1]}


@dataclass(frozen=True)
class Record:
    """What a member has uploaded, and how much of it was not shown or taken down."""

    uploads: int
    refused: int
    removed: int


def record(member_id: int) -> Record:
    def number(*where: sa.ColumnElement[bool]) -> int:
        own = sa.select(sa.func.count()).select_from(Picture).where(Picture.member_id == member_id, *where)
        return db.session.scalar(own) or 0

    return Record(number(), number(Picture.status == Status.REFUSED), number(Picture.status == Status.REMOVED))


def history(
    before: int | None, limit: int, by: str = "", kind: Kind | None = None, undone: bool | None = None
) -> Sequence[Decision]:
    """Decisions, latest first, with what they did: all, or of people whose names hold `by`, of a kind, taken back."""
    wanted = sa.select(Decision).options(
        joinedload(Decision.by),
        joinedload(Decision.undone_by),
        selectinload(Decision.actions).joinedload(Action.picture).joinedload(Picture.member),
        selectinload(Decision.entries).joinedload(Entry.fingerprint).load_only(_DETAIL),
        selectinload(Decision.withdrawals),
    )
    if before is not None:
        wanted = wanted.where(Decision.id < before)
    if by.strip():
        wanted = wanted.where(Decision.by.has(Account.key.contains(by.strip().casefold(), autoescape=True)))
    if kind is not None:
        wanted = wanted.where(Decision.kind == kind)
    if undone is not None:
        wanted = wanted.where(Decision.undone.is_not(None) if undone else Decision.undone.is_(None))
    return db.session.scalars(wanted.order_by(Decision.id.desc()).limit(limit)).all()


def decisions_on(picture_id: int) -> Sequence[Decision]:
    """Every decision that touched the picture, latest first."""
    touched = sa.select(Decision).join(Decision.actions).where(Action.picture_id == picture_id)
    return db.session.scalars(touched.options(joinedload(Decision.by)).order_by(Decision.id.desc())).unique().all()
