"""Which known fingerprints one comes near to, and what that means: the one relation that every part goes by."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .fingerprint import Fingerprint, distance
from .index import Distances
from .luminance import WHOLE_BOX, Box
from .verify import Agreement, agreement
from .views import BOTH_DIRECT, labels, look


class Verdict(StrEnum):
    """What becomes of an upload. Ordered: the gravest of several counts."""

    PUBLISH = "publish"
    HOLD = "hold"
    REFUSE = "refuse"

    @property
    def gravity(self) -> int:
        return _GRAVITY[self]


_GRAVITY = {verdict: place for place, verdict in enumerate(Verdict)}


@dataclass(frozen=True)
class Hit:
    """A known fingerprint near the one asked for: how near, in bits, and in which view of each."""

    id: int
    view: int  # the number of the blocked picture's view
    asked: int  # ... and of the upload's
    dhash: int  # bits of 64
    phash: int  # bits of 256
    boxes: tuple[Box, Box] | None = None  # what the two views show
    identical: bool = False  # the canonical pixels are the same
    weak: bool = False  # one of the two has too little detail for a refusal
    agreement: Agreement | None = None  # of the pixels, where they were compared

    @property
    def direct(self) -> bool:
        """Whether neither view leaves out a part of its picture, borders aside."""
        return bool(BOTH_DIRECT[self.view, self.asked])

    @property
    def rank(self) -> int:
        """The smaller, the nearer, by both hashes together."""
        return self.phash + 2 * self.dhash

    @property
    def views(self) -> str:
        """The two views, in words: the blocked picture's, and the upload's where that is another."""
        return labels(self.view, self.asked)


class Zone(NamedTuple):
    """How near is near: at most so many bits of the dHash's 64 and of the pHash's 256."""

    dhash: int
    phash: int

    def has(self, hit: Hit) -> bool:
        return hit.dhash <= self.dhash and hit.phash <= self.phash

    def has_each(self, dhash: Distances, phash: Distances) -> npt.NDArray[np.bool_]:
        return (dhash <= self.dhash) & (phash <= self.phash)


_REFUSE = Zone(10, 40)
_HOLD = Zone(12, 54)
_STRICT = Zone(6, 40)
_CERTAIN = Zone(5, 24)


@dataclass(frozen=True)
class Policy:
    """Where refusing and holding begin.

    Whole, trimmed and flattened views are decided by their hashes; only what these refuse and the pixels contradict is
    held instead. Any other pair of views is only a reason to look at the pixels, and so is a pair outside the zones:
    candidates are all pairs within `widest` bits of the dHash whose pHash bits and twice their dHash bits make at most
    `candidate`. Of two pictures that agree, the share of the blocks that do decides on holding, their mean correlation
    on refusing.
    """

    refuse: Zone = _REFUSE
    hold: Zone = _HOLD
    strict: Zone = _STRICT  # for other views where there are no pixels to look at
    widest: int = 12
    candidate: int = 96
    hold_share: float = 0.70
    refuse_correlation: float = 0.92
    certain: Zone = _CERTAIN  # so near that nobody looks at the pixels
    # Less correlation than this contradicts: 11 of 17,903 disguised copies that the hashes refuse have less, and 33 of
    # 56 pairs of different pictures that are within 14 and 80 bits.
    doubt: float = 0.5

    def __post_init__(self) -> None:
        if not (self.refuse.dhash <= self.hold.dhash <= self.widest and self.refuse.phash <= self.hold.phash):
            raise ValueError(f"The zones must lie inside each other: {self}")

    def verdict(self, hit: Hit) -> Verdict:
        """The verdict that one hit alone leads to."""
        if hit.identical:
            return Verdict.REFUSE
        found = max(self._by_hashes(hit), self._by_pixels(hit), key=lambda verdict: verdict.gravity)
        return Verdict.HOLD if found is Verdict.REFUSE and hit.weak else found

    def _by_hashes(self, hit: Hit) -> Verdict:
        if not hit.direct:
            return Verdict.HOLD if hit.agreement is None and self.strict.has(hit) else Verdict.PUBLISH
        if self.refuse.has(hit):
            return Verdict.HOLD if self._contradicted(hit) else Verdict.REFUSE
        return Verdict.HOLD if self.hold.has(hit) else Verdict.PUBLISH

    def _contradicted(self, hit: Hit) -> bool:
        pixels = hit.agreement
        return pixels is not None and pixels.telling and pixels.correlation < self.doubt and not self.certain.has(hit)

    def open(self, hit: Hit) -> bool:
        """Whether the pixels may change what the hashes say."""
        return not (hit.identical or (self.certain.has(hit) and self.verdict(hit) is Verdict.REFUSE))

    def gravities(
        self, dhash: Distances, phash: Distances, direct: npt.NDArray[np.bool_], weak: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.int64]:
        """The gravity of `verdict` for many hits at once whose pixels nobody has looked at."""
        refuse = direct & self.refuse.has_each(dhash, phash)
        hold = np.where(direct, self.hold.has_each(dhash, phash), self.strict.has_each(dhash, phash))
        return np.add(refuse & ~weak, hold, dtype=np.int64)  # whatever refuses would hold, too

    def _by_pixels(self, hit: Hit) -> Verdict:
        if hit.agreement is None or not hit.agreement.telling:
            return Verdict.PUBLISH
        if hit.agreement.correlation >= self.refuse_correlation:
            return Verdict.REFUSE
        return Verdict.HOLD if hit.agreement.share >= self.hold_share else Verdict.PUBLISH


def decide(hits: Iterable[Hit], policy: Policy) -> tuple[Verdict, Hit | None]:
    """The verdict on a picture with those hits, and the hit that brought it about, if one did."""
    gravest = max(hits, key=lambda hit: (policy.verdict(hit).gravity, -hit.phash, -hit.dhash), default=None)
    if gravest is None or policy.verdict(gravest) is Verdict.PUBLISH:
        return Verdict.PUBLISH, None
    return policy.verdict(gravest), gravest


def compare(known: Fingerprint, asked: Fingerprint) -> Hit:
    """The distances between two whole pictures."""
    a, b = known.views[0], asked.views[0]
    return Hit(
        0,
        int(a["view"]),
        int(b["view"]),
        int(a["dhash"] ^ b["dhash"]).bit_count(),
        int(distance(a["phash"], b["phash"])),
        boxes=(WHOLE_BOX, WHOLE_BOX),
        identical=known.pixels is not None and known.pixels == asked.pixels,
        weak=known.weak or asked.weak,
    )


def verified(hit: Hit, blocked: Fingerprint, asked: Fingerprint) -> Hit:
    """The hit with the agreement of the pixels, where there are any to compare."""
    if blocked.luminance is None or asked.luminance is None or hit.boxes is None:
        return hit
    theirs = look(blocked.luminance, hit.view, hit.boxes[0], blocked.aspect)
    ours = look(asked.luminance, hit.asked, hit.boxes[1], asked.aspect)
    return replace(hit, agreement=agreement(theirs, ours))
