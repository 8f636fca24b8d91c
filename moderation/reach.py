"""What a mark would take down besides its picture, before it does: large ones are shown to the moderator first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.orm import joinedload
from sqlalchemy.sql.base import ExecutableOption

from . import blocklist
from .blocklist import unpack
from .database import in_parts
from .fingerprint import Fingerprint, blocked_views
from .judging import AT_ONCE, all_allowed, allowed, copies, known_good_near
from .matching import Verdict
from .models import SWEPT, Decision, Entry, KnownGood, Picture
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
    undoes = set(allowed(parts, print_))
    passes = known_good_near(parts, blocked) - undoes
    near = _swept(found - {picture.id}, joinedload(Picture.decision).joinedload(Decision.by))
    spared = {id_ for id_, known in all_allowed(parts, found).items() if set(known) - undoes} if passes else set()
    taken = [one for one in near if one.id not in spared]
    return Reach(taken, _known_good(undoes), _known_good(passes))


@dataclass(frozen=True)
class Planned:
    """What importing some pictures would do."""

    new: int
    known: dict[str, Entry]  # by name, the entries of pictures that have one
    weak: Sequence[str]  # names of new ones with too little detail: identical copies alone would be blocked
    takes: Sequence[Picture]  # on show, that would come down; newest first
    passes: Sequence[KnownGood]  # that look like one of them, and stay allowed


def plan(parts: Parts, pictures: Iterable[tuple[str, Fingerprint]]) -> Planned:
    """What importing these pictures, each with its file's name, would do at this moment. Writes nothing."""
    known: dict[str, Entry] = {}
    new: dict[bytes, tuple[str, Fingerprint]] = {}
    twice = 0
    fingerprinted = list(pictures)
    entries = blocklist.known(print_ for _, print_ in fingerprinted)
    for name, print_ in fingerprinted:
        if print_.pixels in entries:
            known[name] = entries[print_.pixels]
        elif print_.pixels in new:
            twice += 1
        else:
            new[print_.pixels or name.encode()] = name, print_
    down: set[int] = set()
    passes: set[int] = set()
    direct = len(parts.on_show) > AT_ONCE
    for _, print_ in new.values():
        blocked = replace(print_, views=blocked_views(print_))
        down |= {hit.id for hit in copies(parts, blocked, direct) if parts.policy.verdict(hit) is Verdict.REFUSE}
        passes |= known_good_near(parts, blocked)
    if passes:
        down -= all_allowed(parts, down).keys()
    return Planned(
        len(new),
        known,
        [name for name, print_ in new.values() if print_.weak],
        _swept(down),
        _known_good(passes),
    )


def _swept(ids: set[int], *options: ExecutableOption) -> list[Picture]:
    """Those of these pictures that a sweep covers, with their members; newest first."""
    wanted = sa.select(Picture).where(Picture.status.in_(SWEPT)).options(joinedload(Picture.member), *options)
    found = in_parts(wanted.order_by(Picture.id.desc()), Picture.id, sorted(ids, reverse=True))
    return [picture for (picture,) in found]


def _known_good(ids: set[int]) -> Sequence[KnownGood]:
    return [known for (known,) in in_parts(sa.select(KnownGood).order_by(KnownGood.id), KnownGood.id, sorted(ids))]
