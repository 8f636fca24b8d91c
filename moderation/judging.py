"""A picture against the site's blocklist: the verdict, and the hits that led to it."""

from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from itertools import pairwise

import sqlalchemy as sa

from .database import db
from .fingerprint import Fingerprint
from .matching import Hit, Policy, Verdict, decide
from .models import Entry, FingerprintRow, Picture
from .parts import Parts
from .verify import agreements
from .views import Box, Levels

VERIFIED = 12
"""Candidates whose pixels are compared, the nearest first; more are decided by their hashes alone."""

STEPS = (0, 1, 4, VERIFIED)
"""How they are taken together: most often the nearest alone decides, and the others come cheaper in company."""

TOGETHER = 16
"""Pictures on show whose pixels are compared together."""

AT_ONCE = 500_000
"""So many pictures on show are compared with a mark by all their views before it returns; more, by the direct ones."""

BATCH = 256
"""Pictures on show whose luminances are read together."""


@dataclass(frozen=True)
class Judgement:
    verdict: Verdict
    gravest: Hit | None  # that brought the verdict about, if one did
    hits: list[Hit]  # every candidate, gravest and nearest first


def judge(parts: Parts, asked: Fingerprint, exempt: Set[int] = frozenset()) -> Judgement:
    """The verdict by the blocklist as it is in the database now, those entries left out. Writes nothing."""
    hits = [hit for hit in parts.blocklist.near(asked, parts.policy) if hit.id not in exempt]
    if asked.luminance is not None:
        hits = _looked_at(parts, hits, asked)
    return Judgement(*decide(hits, parts.policy), hits)


def copies(parts: Parts, blocked: Fingerprint, direct: bool) -> Iterator[Hit]:
    """The pictures that are or may come on show and are candidates for a blocked one, by the same relation.

    With `direct`, by direct views alone.
    """
    hits = parts.on_show.near(blocked, parts.policy, by_hash=not blocked.weak, direct=direct)
    for start in range(0, len(hits), BATCH):
        batch = hits[start : start + BATCH]
        asked = _fingerprints(Picture, [hit.id for hit in batch if not _certain(hit, parts.policy)])
        for first in range(0, len(batch), TOGETHER):
            yield from _verified([(hit, blocked, asked.get(hit.id)) for hit in batch[first : first + TOGETHER]])


def _looked_at(parts: Parts, hits: list[Hit], asked: Fingerprint) -> list[Hit]:
    """The hits with the agreement of their pixels, of the nearest, until one of them leads to a refusal."""
    known = _fingerprints(Entry, [hit.id for hit in hits[:VERIFIED] if not _certain(hit, parts.policy)])
    done: list[Hit] = []
    for start, end in pairwise(STEPS):
        for hit in _verified([(hit, known.get(hit.id), asked) for hit in hits[start:end]]):
            done.append(hit)
            if _certain(hit, parts.policy):
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


def _certain(hit: Hit, policy: Policy) -> bool:
    return policy.verdict(hit) is Verdict.REFUSE


def _fingerprints(of: type[Entry] | type[Picture], ids: list[int]) -> dict[int, Fingerprint]:
    """The fingerprints of blocklist entries or of pictures, with their luminances."""
    if not ids:
        return {}
    row = FingerprintRow
    columns = (of.id, row.views, row.detail, row.pixels, row.recipe, row.aspect, row.luminance)
    found = sa.select(*columns).join(row, of.fingerprint_id == row.id).where(of.id.in_(ids))
    # On a connection of its own: the copy of the list has just caught up, maybe with a row later than what this
    # session has begun to read.
    with db.engine.connect() as connection:
        prints = {row[0]: Fingerprint.unpack(*row[1:]) for row in connection.execute(found)}
    return {id_: print_ for id_, print_ in prints.items() if print_.luminance is not None}
