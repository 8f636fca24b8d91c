"""A picture against the site's blocklist: the verdict, and the hits that led to it."""

from collections.abc import Iterator, Set
from dataclasses import dataclass

import sqlalchemy as sa

from .database import db
from .fingerprint import Fingerprint
from .matching import Hit, Policy, Verdict, decide, verified
from .models import Entry, FingerprintRow, Picture
from .parts import Parts

VERIFIED = 12
"""Candidates whose pixels are compared, the nearest first; more are decided by their hashes alone."""

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
        for hit in batch:
            yield verified(hit, blocked, asked[hit.id]) if hit.id in asked else hit


def _looked_at(parts: Parts, hits: list[Hit], asked: Fingerprint) -> list[Hit]:
    """The hits with the agreement of their pixels, of the nearest, until one of them leads to a refusal."""
    known = _fingerprints(Entry, [hit.id for hit in hits[:VERIFIED] if not _certain(hit, parts.policy)])
    done: list[Hit] = []
    for hit in hits[:VERIFIED]:
        done.append(verified(hit, known[hit.id], asked) if hit.id in known else hit)
        if _certain(done[-1], parts.policy):
            break
    return done + hits[len(done) :]


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
        return {row[0]: Fingerprint.unpack(*row[1:]) for row in connection.execute(found)}
