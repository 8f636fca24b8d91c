"""Fingerprints made of the very hashes that a test is about, and what is found of them."""

import numpy as np

from moderation.fingerprint import Fingerprint
from moderation.matching import Hit, Policy, Zone
from moderation.views import VIEW, Cut, number

POLICY = Policy(refuse=Zone(10, 40), hold=Zone(12, 54), widest=14)
WHOLE, CENTRE, HALF = number(Cut.WHOLE), number(Cut.CENTRE), number(Cut.LEFT_HALF)


def bits(n: int, first: int = 0) -> int:
    return ((1 << n) - 1) << first


def known(*hashes: tuple[int, ...], detail: int = 100, pixels: bytes | None = None) -> Fingerprint:
    """A fingerprint whose views have those dHashes, pHashes with so many bits set, and numbers: WHOLE unless given."""
    views = np.zeros(len(hashes), VIEW)
    for row, (dhash, phash, *view) in enumerate(hashes):
        words = [bits(phash) >> shift & bits(64) for shift in (0, 64, 128, 192)]
        views[row] = (view[0] if view else WHOLE, (0, 0, 255, 255), dhash, words)
    return Fingerprint(views, detail, None, pixels)


def hit(dhash: int, phash: int, id_: int = 1, view: int = WHOLE, asked: int = WHOLE, **more: object) -> Hit:
    return Hit(id_, view, asked, dhash, phash, **more)


def found(hits: list[Hit]) -> list[tuple[int, int, int]]:
    return [(one.id, one.dhash, one.phash) for one in hits]
