"""The grid's pages: which pictures, in which order, and several copies of one picture as one card."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.orm import aliased

from .accounts import find
from .codes import Coded
from .database import db
from .fingerprint import distance
from .matching import Zone
from .models import Check, Kind, Match, Picture, Status
from .parts import Parts
from .pictures import FOR_CARDS, SHOWS, nearest
from .replica import Moment

WINDOW = 500
"""Among so many of the latest pictures copies are looked for, and other orders than the newest first made."""

SAME = Zone(5, 24)
"""Copies lie on one card when their whole-picture hashes differ by no more: nearer than a refusal asks for, because
one decision is made on all of them."""

STACKED = ("undecided", "held")
"""The filters whose cards may stand for several copies."""

ORDERS = {"newest": "Newest first", "closest": "Closest match first", "copies": "Most copies first"}

A_DAY = timedelta(hours=24)

AT_ONCE = (1, 5, 20)
"""For so many uploads a query asks for their numbers within their members' days: few queries, put together once."""

# Made once: open grids ask for these every second.
_LATEST = sa.select(Picture.id).where(*SHOWS["undecided"]).order_by(Picture.id.desc()).limit(WINDOW)
_SHOWN = sa.select(Picture).where(Picture.id.in_(sa.bindparam("ids", expanding=True))).options(*FOR_CARDS)


@dataclass(frozen=True)
class Card:
    """A picture on the grid, and what is worth knowing beside it."""

    picture: Picture
    copies: Sequence[int] = ()  # undecided too, and older: one decision is made on all
    today: int = 1  # which of its member's uploads within 24 hours it is
    near: bool = False  # held because it came near to a blocklist entry

    @property
    def itself(self) -> bool:
        """Whether somebody decided on this very picture, rather than on one that it is a copy of."""
        decision = self.picture.decision
        if decision is None:
            return False
        return decision.kind is Kind.APPROVE or any(one.picture_id == self.picture.id for one in decision.entries)


@dataclass(frozen=True)
class Page:
    cards: Sequence[Card]
    before: int | None  # the next page has what is older; None where nothing is
    more: int = 0  # cards that come first, in an order that has no pages: this one has to be longer


def page(
    parts: Parts, show: str, size: int, before: int | None = None, order: str = "newest", member: str = ""
) -> Page:
    """At most so many cards of that filter, of that member if one is named.

    Newest first it goes on with what is older than `before`; another order is made of the latest `WINDOW` pictures, and
    what is older than those comes after all of them.
    """
    wanted = sa.select(Picture.id).where(*SHOWS[show])
    if member:
        account = find(member)
        wanted = wanted.where(Picture.member_id == (account.id if account else None))
    if before is not None:
        wanted = wanted.where(Picture.id < before)
    stacked = show in STACKED
    most = WINDOW if stacked or order != "newest" else size
    latest = list(db.session.scalars(wanted.order_by(Picture.id.desc()).limit(most + 1)))
    ids, older = latest[:most], len(latest) > most
    stacks = _stacks(parts.codes.of(ids), ids) if stacked else {id_: [] for id_ in ids}
    leads = list(stacks)
    if order == "closest":
        near = _nearness(leads)
        leads.sort(key=lambda id_: (near.get(id_, 1000), -id_))
    elif order == "copies":
        leads.sort(key=lambda id_: (-len(stacks[id_]), -id_))
    shown = leads[:size]
    found = db.session.scalars(_SHOWN, {"ids": shown})
    by_id = {picture.id: picture for picture in found}
    cards = _complete([Card(by_id[id_], stacks[id_]) for id_ in shown if id_ in by_id])
    more = len(leads) - len(shown)
    if order == "newest":
        return Page(cards, shown[-1] if shown and (more or older) else None)
    return Page(cards, ids[-1] if older and not more else None, more)


def cards(parts: Parts, found: Sequence[Picture], moment: Moment | None = None) -> Sequence[Card]:
    """Those pictures as they lie on a grid now, which is at that moment of the list; newest copies stand for older."""
    copies: dict[int, list[int]] = {}
    if any(picture.decision_id is None for picture in found):
        coded = parts.codes.of(_latest()) if moment is None else parts.codes.at(moment, _latest)
        wanted = [one.id for one in found]
        copies = _copies(coded, np.flatnonzero(np.isin(coded.ids, wanted)))
    return _complete([Card(one, copies.get(one.id, ())) for one in found])


def _latest() -> Iterable[int]:
    return db.session.scalars(_LATEST)


def stacked(parts: Parts, found: Sequence[Picture]) -> Sequence[Card]:
    """These undecided pictures, newest first, with copies among them on one card."""
    ids = [picture.id for picture in found]
    stacks = _stacks(parts.codes.of(ids), ids)
    return _complete([Card(picture, stacks[picture.id]) for picture in found if picture.id in stacks])


def _stacks(coded: Coded, ids: Sequence[int]) -> dict[int, list[int]]:
    """By the newest of several copies, the others; `ids` are newest first."""
    same = _copies(coded, np.arange(len(coded.ids)))
    stacks: dict[int, list[int]] = {}
    taken: set[int] = set()
    for id_ in ids:
        if id_ not in taken:
            copies = same.get(id_, ())
            stacks[id_] = [copy for copy in copies if copy not in taken]
            taken.update(copies)
    return stacks


def _copies(coded: Coded, places: npt.NDArray[np.int64]) -> dict[int, list[int]]:
    """By picture, of those at these places, the pictures after it that are copies of it; of those that have any."""
    near = np.bitwise_count(coded.dhash[places, None] ^ coded.dhash) <= SAME.dhash
    first, second = np.divmod(np.flatnonzero(near), near.shape[1])  # ten times as fast as `nonzero` of two dimensions
    first = places[first]
    same = (second > first) & (distance(coded.phash[first], coded.phash[second]) <= SAME.phash)
    found: dict[int, list[int]] = {}
    for one, other in zip(first[same].tolist(), second[same].tolist(), strict=True):
        found.setdefault(coded.ids[one], []).append(coded.ids[other])
    return found


def _nearness(ids: Sequence[int]) -> dict[int, int]:
    """By picture, how near it ever came to an entry, as `matching.Hit.rank`; not for those that came near to none."""
    rank = sa.func.min(Match.phash + 2 * Match.dhash)
    nearest = sa.select(Check.picture_id, rank).join(Match.check).where(Check.picture_id.in_(ids))
    return {row[0]: row[1] for row in db.session.execute(nearest.group_by(Check.picture_id))}


def _complete(found: Sequence[Card]) -> Sequence[Card]:
    """The cards with the number of each upload within its member's day, and why held ones are held."""
    numbers = _numbers([card.picture for card in found])
    held = [card.picture for card in found if card.picture.status is Status.HELD]
    near = nearest(held) if held else {}
    return [replace(card, today=numbers[card.picture.id], near=card.picture.id in near) for card in found]


def _numbers(pictures: Sequence[Picture]) -> dict[int, int]:
    """By picture, which of its member's uploads within 24 hours it is.

    Counted by the database: a member who does nothing else can have uploaded thousands.
    """
    numbers: dict[int, int] = {}
    for start in range(0, len(pictures), AT_ONCE[-1]):
        some = pictures[start : start + AT_ONCE[-1]]
        asked = next(number for number in AT_ONCE if number >= len(some))
        given: dict[str, Any] = {}
        for place in range(asked):
            one = some[min(place, len(some) - 1)]  # the last again and again, where there are fewer
            given |= {f"member{place}": one.member_id, f"id{place}": one.id, f"begun{place}": one.created - A_DAY}
        counted = db.session.execute(_counts(asked), given).one()
        numbers |= zip((one.id for one in some), counted, strict=False)
    return numbers


@cache
def _counts(number: int) -> sa.Select[Any]:
    """How many uploads one member has since some moment, up to one of them; for so many of these."""
    return sa.select(*(_count(place) for place in range(number)))


def _count(place: int) -> sa.ScalarSelect[Any]:
    # By id, after the last that anybody uploaded before that moment: this is a stretch of an index, while to look at
    # their times, a database goes through all that the member ever uploaded.
    earlier = aliased(Picture)
    before = sa.select(earlier.id).where(earlier.created <= sa.bindparam(f"begun{place}"))
    last = before.order_by(earlier.created.desc()).limit(1).scalar_subquery()
    counted = sa.select(sa.func.count()).where(
        Picture.member_id == sa.bindparam(f"member{place}"),
        Picture.id <= sa.bindparam(f"id{place}"),
        Picture.id > sa.func.coalesce(last, 0),
    )
    return counted.scalar_subquery()
