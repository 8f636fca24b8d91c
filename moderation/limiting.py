"""How often somebody may do something: counted in the database, for all processes together and over restarts."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from .columns import now
from .database import db, writing
from .errors import TooMany
from .models import Use

SWEPT = 100
"""Rows that say nothing any more and are removed when one is added."""


@dataclass(frozen=True)
class Limit:
    """So many times within a period, all at once or spread. What is used up comes back evenly, one after another."""

    name: str
    number: int  # 0: as often as one likes
    period: timedelta
    why: str  # the sentence for whoever did it more often

    @property
    def interval(self) -> timedelta:
        """After which one more comes back."""
        return self.period / self.number


def spend(*uses: tuple[Limit, str]) -> bool:
    """Use up one of each limit for whoever is named with it, or raise `TooMany` and use up none.

    Returns whether that was the last of one of them.
    """
    with writing():
        last = [take(limit, whose) for limit, whose in uses]
    return any(last)


def take(limit: Limit, whose: str) -> bool:
    """Use up one, as part of a write transaction. Raises `TooMany`; returns whether it was the last."""
    if not limit.number:
        return False
    moment = now()
    row = _row(limit, whose)
    used = max(row.until, moment) + limit.interval
    if used - moment > limit.period:
        raise TooMany(limit.why, used - moment - limit.period)
    row.until = used
    return used + limit.interval - moment > limit.period


def is_spent(limit: Limit, whose: str) -> bool:
    """Whether nothing is left, so that `take` would raise."""
    if not limit.number:
        return False
    until = db.session.scalar(sa.select(Use.until).filter_by(key=_key(limit, whose)))
    moment = now()
    return until is not None and max(until, moment) + limit.interval - moment > limit.period


def give_back(limit: Limit, whose: str) -> None:
    """One that was used up does not count."""
    if limit.number:
        with writing():
            _row(limit, whose).until -= limit.interval


def _row(limit: Limit, whose: str) -> Use:
    key = _key(limit, whose)
    row = db.session.get(Use, key)
    if row is None:
        over = sa.select(Use.key).where(Use.until < now()).limit(SWEPT)
        db.session.execute(sa.delete(Use).where(Use.key.in_(over)), execution_options={"synchronize_session": False})
        row = Use(key=key, until=now())
        db.session.add(row)
        db.session.flush()
    return row


def _key(limit: Limit, whose: str) -> str:
    # Hashed: neither addresses nor names lie about.
    return hashlib.sha256(f"{limit.name} {whose}".encode()).hexdigest()
