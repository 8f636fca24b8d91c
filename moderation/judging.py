"""A picture against the site's blocklist: the verdict, and the hits that led to it."""

from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any, cast

import sqlalchemy as sa

from .database import db, portions
from .fingerprint import Fingerprint
from .luminance import Box, Levels
from .matching import Hit, Policy, Verdict, Zone, decide, verified
from .models import Decision, Entry, FingerprintRow, Kind, KnownGood, Picture
from .parts import Parts
from .replica import Replica
from .verify import agreements

VERIFIED = 12
"""Candidates whose pixels are compared, the nearest first; more are decided by their hashes alone."""

STEPS = (0, 1, VERIFIED)
"""How they are taken together: most often the nearest alone decides, and the others come cheaper in company."""

TOGETHER = 16
"""Pictures on show whose pixels are compared together."""

AT_ONCE = 500_000
"""So many pictures on show are compared with a mark by all their views before it returns; more, by the direct ones."""

BATCH = 256
"""Pictures on show whose luminances are read together."""


SAME = Zone(5, 24)
"""So near are the whole pictures of an upload that is taken for a known-good one ..."""

SAME_SHARE, SAME_CORRELATION = 0.99, 0.97
"""... and so far their pixels agree, because something could be laid over a known-good picture. On photographs that
refuses all but one in forty where 4 % of the picture are covered, and takes every one that is only saved again."""


# On the tables rather than the classes, and put together once: every picture near an entry asks, and the classes take
# longer than the database.
_ENTRIES, _DECISIONS = (cast(sa.Table, model.__table__) for model in (Entry, Decision))
_ESCALATED = (
    sa.select(_ENTRIES.c.id)
    .where(_ENTRIES.c.decision_id == _DECISIONS.c.id, _DECISIONS.c.kind == Kind.ESCALATE)
    .where(_ENTRIES.c.id.in_(sa.bindparam("counting", type_=sa.Integer, expanding=True)))
    .limit(1)
)


@dataclass(frozen=True)
class Judgement:
    verdict: Verdict
    gravest: Hit | None  # that brought the verdict about, if one did
    hits: list[Hit]  # every candidate, gravest and nearest first
    known_good: int | None = None  # that lets it on show in spite of them


def judge(parts: Parts, asked: Fingerprint, exempt: Callable[[], Set[int]] = frozenset) -> Judgement:
    """The verdict by the blocklist as it is in the database now. Writes nothing.

    Entries that are `exempt`, which is asked where the picture comes near to any, are left out.
    """
    hits = parts.blocklist.near(asked, parts.policy)
    if hits:
        left_out = exempt()
        hits = [hit for hit in hits if hit.id not in left_out]
    if asked.luminance is not None:
        hits = _looked_at(parts, hits, asked)
    verdict, gravest = decide(hits, parts.policy)
    if verdict is not Verdict.PUBLISH and not near_escalated(hits, parts.policy):
        allowing = allowed(parts, asked)
        if allowing:
            return Judgement(Verdict.PUBLISH, None, hits, allowing[0])
    return Judgement(verdict, gravest, hits)


def allowed(parts: Parts, asked: Fingerprint) -> list[int]:
    """The known-good pictures that this one is the same as: as it is, or only saved again."""
    return _allowed(parts, [asked])[0]


def all_allowed(parts: Parts, ids: Iterable[int]) -> dict[int, list[int]]:
    """By picture the same, for those of these pictures that are the same as any; a few questions for very many."""
    wanted = sorted(ids) if len(parts.known_good) else []
    found: dict[int, list[int]] = {}
    for start in range(0, len(wanted), BATCH):
        prints = _prints(Picture, wanted[start : start + BATCH])
        found.update(zip(prints, _allowed(parts, list(prints.values())), strict=True))
    return {id_: known for id_, known in found.items() if known}


def _allowed(parts: Parts, asked: list[Fingerprint]) -> list[list[int]]:
    if not len(parts.known_good):
        return [[] for _ in asked]
    near = [_known_near(parts, one) for one in asked]
    prints = _fingerprints(KnownGood, list({hit.id for hits in near for hit in hits if not hit.identical}))
    return [_same(hits, one, prints) for hits, one in zip(near, asked, strict=True)]


def _known_near(parts: Parts, asked: Fingerprint) -> list[Hit]:
    """The known-good pictures that may be the same. The whole pictures are compared, for which no views are made."""
    whole = replace(asked, views=asked.views[:1])
    hits = parts.known_good.near(whole, parts.policy, by_hash=not asked.weak, direct=True)
    return [hit for hit in hits if hit.identical or (hit.view == hit.asked == 0 and SAME.has(hit) and not hit.weak)]


def _same(hits: list[Hit], asked: Fingerprint, prints: dict[int, Fingerprint]) -> list[int]:
    same = [hit.id for hit in hits if hit.identical]
    for hit in hits:
        found = verified(hit, asked, prints[hit.id]).agreement if hit.id in prints else None
        if found and found.telling and found.share >= SAME_SHARE and found.correlation >= SAME_CORRELATION:
            same.append(hit.id)
    return list(dict.fromkeys(same))


def near_escalated(hits: list[Hit], policy: Policy) -> int | None:
    """The entry of an escalated picture among those hit that count, if there is one."""
    counting = [hit.id for hit in hits if policy.verdict(hit) is not Verdict.PUBLISH]
    for some in portions(counting):
        if found := db.session.execute(_ESCALATED, {"counting": some}).first():
            return int(found[0])
    return None


def copies(parts: Parts, blocked: Fingerprint, direct: bool, down: bool = False) -> Iterator[Hit]:
    """The pictures that are or may come on show and are candidates for a blocked one, by the same relation.

    With `direct`, by direct views alone; with `down`, of those that were refused or taken down.
    """
    return _candidates(parts, blocked, direct, parts.down if down else parts.on_show, Picture)


def known_good_near(parts: Parts, blocked: Fingerprint) -> set[int]:
    """The known-good pictures that an entry with that fingerprint would refuse or hold, were they not known good."""
    hits = _candidates(parts, blocked, False, parts.known_good, KnownGood) if len(parts.known_good) else ()
    return {hit.id for hit in hits if parts.policy.verdict(hit) is not Verdict.PUBLISH}


def _candidates(
    parts: Parts, blocked: Fingerprint, direct: bool, among: Replica, of: type[Picture] | type[KnownGood]
) -> Iterator[Hit]:
    hits = among.near(blocked, parts.policy, by_hash=not blocked.weak, direct=direct)
    for start in range(0, len(hits), BATCH):
        batch = hits[start : start + BATCH]
        asked = _fingerprints(of, [hit.id for hit in batch if parts.policy.open(hit)])
        for first in range(0, len(batch), TOGETHER):
            yield from _verified([(hit, blocked, asked.get(hit.id)) for hit in batch[first : first + TOGETHER]])


def _looked_at(parts: Parts, hits: list[Hit], asked: Fingerprint) -> list[Hit]:
    """The hits with the agreement of their pixels, of the nearest, until one of them leads to a refusal."""
    known = _fingerprints(Entry, [hit.id for hit in hits[:VERIFIED] if parts.policy.open(hit)])
    done: list[Hit] = []
    for start, end in pairwise(STEPS):
        for hit in _verified([(hit, known.get(hit.id), asked) for hit in hits[start:end]]):
            done.append(hit)
            if parts.policy.verdict(hit) is Verdict.REFUSE:
                return done + hits[len(done) :]
    return done + hits[len(done) :]


def _verified(pairs: list[tuple[Hit, Fingerprint | None, Fingerprint | None]]) -> list[Hit]:
    """What `verified` says of each hit, its blocked fingerprint and its upload's, all at once; as it was without one.

    A look that several have in common is made once.
    """
    looks: dict[tuple[int, int, Box], Levels] = {}
    known: list[Levels] = []
    asked: list[Levels] = []
    places = []
    for place, (hit, blocked, upload) in enumerate(pairs):
        if blocked is None or upload is None or hit.boxes is None:
            continue
        places.append(place)
        sides = (known, blocked, hit.view, hit.boxes[0]), (asked, upload, hit.asked, hit.boxes[1])
        for side, print_, view, box in sides:
            key = id(print_), view, box
            if key not in looks:
                looks[key] = print_.look(view, box)
            side.append(looks[key])
    hits = [hit for hit, _, _ in pairs]
    for place, found in zip(places, agreements(known, asked), strict=True):
        hits[place] = replace(hits[place], agreement=found)
    return hits


def _fingerprints(of: type[Entry] | type[Picture] | type[KnownGood], ids: list[int]) -> dict[int, Fingerprint]:
    """The fingerprints of blocklist entries, pictures or known-good ones that have a luminance, with it."""
    return {id_: print_ for id_, print_ in _prints(of, ids).items() if print_.luminance is not None}


def _prints(of: type[Entry] | type[Picture] | type[KnownGood], ids: list[int]) -> dict[int, Fingerprint]:
    if not ids:
        return {}
    # On a connection of its own: the copy of the list has just caught up, maybe with a row later than what this
    # session has begun to read.
    with db.engine.connect() as connection:
        rows = (row for some in portions(ids) for row in connection.execute(_wanted(of), {"ids": some}))
        return {row[0]: Fingerprint.unpack(*row[1:]) for row in rows}


@cache
def _wanted(of: type[Entry] | type[Picture] | type[KnownGood]) -> sa.Select[tuple[Any, ...]]:
    those, prints = (cast(sa.Table, model.__table__).c for model in (of, FingerprintRow))
    columns = (prints.views, prints.detail, prints.pixels, prints.recipe, prints.aspect, prints.luminance)
    ids = sa.bindparam("ids", type_=sa.Integer, expanding=True)
    return sa.select(those.id, *columns).where(those.fingerprint_id == prints.id, those.id.in_(ids))
