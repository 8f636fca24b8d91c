"""Reverse image search over members' pictures, on show or not: which of them look like this one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from .database import db
from .fingerprint import Fingerprint, blocked_views
from .judging import copies
from .matching import Hit, Verdict
from .models import Picture, Status
from .parts import Parts


@dataclass(frozen=True)
class Similar:
    """A picture that looks like the one asked for."""

    picture: Picture
    hit: Hit
    verdict: Verdict  # that the one asked for would lead to if it were blocked

    @property
    def same(self) -> bool:
        """Whether it is the same photograph."""
        return self.verdict is not Verdict.PUBLISH


@dataclass(frozen=True)
class Found:
    """Similar pictures, the nearest first."""

    pictures: Sequence[Similar]
    owner: int | None  # the member whose picture was asked with

    @property
    def accounts(self) -> int:
        """How many others have uploaded the same photograph; a sign of fake profiles."""
        return len({one.picture.member_id for one in self.pictures if one.same} - {self.owner})


def similar(parts: Parts, asked: Fingerprint, limit: int, besides: Picture | None = None) -> Found:
    """At most so many pictures like the one with that fingerprint, besides that one itself."""
    known = replace(asked, views=blocked_views(asked))
    hits = []
    for down in (False, True):
        # More than are wanted: with their pixels compared, another order is the right one.
        nearest_by_hash = islice(copies(parts, known, direct=True, down=down), 4 * limit)
        hits += [hit for hit in nearest_by_hash if not (besides and hit.id == besides.id)]
    hits.sort(key=lambda hit: (-parts.policy.verdict(hit).gravity, hit.rank))
    nearest = list({hit.id: hit for hit in reversed(hits)}.values())[::-1][:limit]  # one may have moved meanwhile
    wanted = (
        sa.select(Picture)
        .where(Picture.id.in_([hit.id for hit in nearest]), Picture.status != Status.ESCALATED)
        .options(joinedload(Picture.member))
    )
    by_id = {picture.id: picture for picture in db.session.scalars(wanted)}
    found = [Similar(by_id[hit.id], hit, parts.policy.verdict(hit)) for hit in nearest if hit.id in by_id]
    return Found(found, besides.member_id if besides else None)
