"""What a mark would take down besides its picture, before it does: large ones are shown to the moderator first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from .blocklist import unpack
from .database import db
from .fingerprint import blocked_views
from .judging import AT_ONCE, allowed, copies, known_good_near
from .matching import Verdict
from .models import SWEPT, Decision, KnownGood, Picture
from .parts import Parts

HANDFUL = 5
"""Members; a mark that takes pictures of more than so many others is large."""


@dataclass(frozen=True)
class Reach:
    """The pictures, besides the one to be marked, that its mark would take down; newest first."""

    copies: Sequence[Picture]
    undoes: Sequence[KnownGood] = ()  # known-good pictures that it is the same as, and that are none from then on
    passes: Sequence[KnownGood] = ()  # others that look like it, and stay allowed

    @property
    def members(self) -> int:
        return len({picture.member_id for picture in self.copies})

    @property
    def approved(self) -> int:
        """How many of them somebody has found OK."""
        return sum(found_ok(picture) for picture in self.copies)

    @property
    def large(self) -> bool:
        return self.approved > 0 or self.members > HANDFUL or bool(self.undoes or self.passes)


def found_ok(picture: Picture) -> bool:
    return picture.decision is not None and picture.decision.kind.fine


def reach(parts: Parts, picture: Picture) -> Reach:
    """What marking this picture would take down at this moment. Writes nothing."""
    if picture.fingerprint is None:
        return Reach([])
    print_ = unpack(picture.fingerprint)
    blocked = replace(print_, views=blocked_views(print_))
    hits = copies(parts, blocked, direct=len(parts.on_show) > AT_ONCE)
    found = {hit.id for hit in hits if parts.policy.verdict(hit) is Verdict.REFUSE}
    wanted = sa.select(Picture).where(Picture.id.in_(found - {picture.id}), Picture.status.in_(SWEPT))
    undoes = set(allowed(parts, print_))
    passes = known_good_near(parts, blocked) - undoes
    with_people = wanted.options(
        joinedload(Picture.member), joinedload(Picture.decision).joinedload(Decision.by)
    ).order_by(Picture.id.desc())
    taken = [
        one
        for one in db.session.scalars(with_people).all()
        if not passes or one.fingerprint is None or not (set(allowed(parts, unpack(one.fingerprint))) - undoes)
    ]
    return Reach(taken, _known_good(undoes), _known_good(passes))


def _known_good(ids: set[int]) -> Sequence[KnownGood]:
    return db.session.scalars(sa.select(KnownGood).where(KnownGood.id.in_(ids)).order_by(KnownGood.id)).all()
