"""A picture against the site's blocklist: the verdict, and the hits that led to it."""

from collections.abc import Set
from dataclasses import dataclass

from .fingerprint import Fingerprint
from .matching import Hit, Verdict, decide
from .parts import Parts


@dataclass(frozen=True)
class Judgement:
    verdict: Verdict
    gravest: Hit | None  # that brought the verdict about, if one did
    hits: list[Hit]  # all within the widest distance


def judge(parts: Parts, asked: Fingerprint, exempt: Set[int] = frozenset()) -> Judgement:
    """The verdict by the blocklist as it is in the database now, those entries left out. Writes nothing."""
    hits = [hit for hit in parts.blocklist.near(asked, parts.policy.widest) if hit.id not in exempt]
    return Judgement(*decide(hits, parts.policy), hits)
