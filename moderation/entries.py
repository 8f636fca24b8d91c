"""Finding blocklist entries for pages: what each is, what it has stopped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from .columns import now
from .database import db
from .matching import Verdict
from .models import Appeal, Check, Decision, Entry, Exemption, FingerprintRow, Kind, Picture

RECENT = timedelta(days=30)
"""How far back hits are counted."""

NOISY = 3
"""Pictures that people have found fine against an entry, from which on it is noisy."""

_HIT = sa.and_(Check.entry_id == Entry.id, Check.verdict != Verdict.PUBLISH)

_NOISY = (
    sa.select(Exemption.entry_id)
    .group_by(Exemption.entry_id)
    .having(sa.func.count(sa.distinct(Exemption.picture_id)) >= NOISY)
)
_SUSPENDED = sa.and_(Entry.withdrawn.is_not(None), Entry.withdrawal.has(kind=Kind.OVERTURN))

SHOWS = {
    "blocking": (Entry.withdrawn.is_(None),),
    "never hit": (Entry.withdrawn.is_(None), ~sa.exists().where(_HIT)),
    "noisy": (sa.or_(_SUSPENDED, sa.and_(Entry.withdrawn.is_(None), Entry.id.in_(_NOISY))),),
    "imported": (Entry.withdrawn.is_(None), Entry.decision.has(kind=Kind.IMPORT)),
    "withdrawn": (Entry.withdrawn.is_not(None),),
}
"""The list's filters by name."""

_FOR_ROWS = (
    joinedload(Entry.decision).joinedload(Decision.by),
    joinedload(Entry.withdrawal),
    joinedload(Entry.fingerprint).load_only(FingerprintRow.detail, FingerprintRow.aspect, FingerprintRow.recipe),
)


@dataclass(frozen=True)
class Listed:
    """An entry and its health: pictures that were held or refused because of it, and how many of those wrongly."""

    entry: Entry
    hits: int  # within RECENT
    members: int  # whose pictures those were
    last: datetime | None  # the latest ever
    fine: int = 0  # pictures that a moderator has found to be no match
    overturned: int = 0  # refusals that were wrong, by appeal


def find(entry_id: int) -> Entry | None:
    return db.session.get(Entry, entry_id)


def listed(show: str, before: int | None, limit: int) -> list[Listed]:
    """Entries, newest first, older than `before` if it is given."""
    wanted = sa.select(Entry).where(*SHOWS[show]).options(*_FOR_ROWS)
    if before is not None:
        wanted = wanted.where(Entry.id < before)
    return with_hits(db.session.scalars(wanted.order_by(Entry.id.desc()).limit(limit)).all())


def with_hits(entries: Sequence[Entry]) -> list[Listed]:
    """Those entries with their health, in four queries for all of them."""
    ids = [entry.id for entry in entries]
    hit = Check.entry_id.in_(ids), Check.verdict != Verdict.PUBLISH
    last = sa.select(Check.entry_id, sa.func.max(Check.created)).where(*hit).group_by(Check.entry_id)
    recent = (
        sa.select(Check.entry_id, sa.func.count(sa.distinct(Picture.id)), sa.func.count(sa.distinct(Picture.member_id)))
        .join(Picture, Check.picture_id == Picture.id)
        .where(*hit, Check.created >= now() - RECENT)
        .group_by(Check.entry_id)
    )
    latest: dict[int | None, datetime] = {row[0]: row[1] for row in db.session.execute(last)}
    counted = {id_: (hits, members) for id_, hits, members in db.session.execute(recent)}
    fine = sa.select(Exemption.entry_id, sa.func.count(sa.distinct(Exemption.picture_id)))
    fine = fine.join(Decision, Exemption.decision_id == Decision.id).where(Decision.kind != Kind.OVERTURN)
    wrong = sa.select(Appeal.entry_id, sa.func.count()).join(Appeal.decision)
    wrong = wrong.where(Decision.kind == Kind.OVERTURN, Decision.undone.is_(None))
    found_fine = _numbers(fine.where(Exemption.entry_id.in_(ids)).group_by(Exemption.entry_id))
    overturned = _numbers(wrong.where(Appeal.entry_id.in_(ids)).group_by(Appeal.entry_id))
    return [
        Listed(
            entry,
            *counted.get(entry.id, (0, 0)),
            latest.get(entry.id),
            found_fine.get(entry.id, 0),
            overturned.get(entry.id, 0),
        )
        for entry in entries
    ]


def _numbers(counted: sa.Executable) -> dict[int, int]:
    return {row[0]: row[1] for row in db.session.execute(counted)}


def counts() -> dict[str, int]:
    """How many entries each filter shows."""
    return {
        show: db.session.scalar(sa.select(sa.func.count()).select_from(Entry).where(*where)) or 0
        for show, where in SHOWS.items()
    }


def stopped(entry_id: int, limit: int) -> Sequence[Picture]:
    """The pictures that were held or refused because of that entry, latest first."""
    hit = sa.select(Check.picture_id).where(Check.entry_id == entry_id, Check.verdict != Verdict.PUBLISH)
    wanted = sa.select(Picture).where(Picture.id.in_(hit)).options(joinedload(Picture.member))
    return db.session.scalars(wanted.order_by(Picture.id.desc()).limit(limit)).all()


def beside(entry: Entry) -> int:
    """How many other entries the same decision made."""
    same = sa.select(sa.func.count()).select_from(Entry).filter_by(decision_id=entry.decision_id)
    return (db.session.scalar(same) or 1) - 1
