"""Which known fingerprints one comes near to, and what that means: the one relation that every part goes by."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from .fingerprint import VIEW, Fingerprint, View, distance
from .index import Column, Engine


class Verdict(StrEnum):
    """What becomes of an upload. Ordered: the gravest of several counts."""

    PUBLISH = "publish"
    HOLD = "hold"
    REFUSE = "refuse"

    @property
    def gravity(self) -> int:
        return list(Verdict).index(self)


@dataclass(frozen=True)
class Hit:
    """A known fingerprint near the one asked for: how near, in bits, and in which of the known one's views."""

    id: int
    view: View
    dhash: int  # bits of 64
    phash: int  # bits of 256
    identical: bool = False  # the canonical pixels are the same
    weak: bool = False  # one of the two has too little detail for a refusal


class Zone(NamedTuple):
    """How near is near: at most so many bits of the dHash's 64 and of the pHash's 256."""

    dhash: int
    phash: int


_REFUSE = Zone(10, 40)
_HOLD = Zone(12, 54)


@dataclass(frozen=True)
class Policy:
    """Where refusing and holding begin. Candidates are looked for, and recorded, within `widest` bits of the dHash."""

    refuse: Zone = _REFUSE
    hold: Zone = _HOLD
    widest: int = 14

    def __post_init__(self) -> None:
        if not (self.refuse.dhash <= self.hold.dhash <= self.widest and self.refuse.phash <= self.hold.phash):
            raise ValueError(f"The zones must lie inside each other: {self}")

    def verdict(self, hit: Hit) -> Verdict:
        """The verdict that one hit alone leads to."""
        if hit.identical:
            return Verdict.REFUSE
        if hit.dhash <= self.refuse.dhash and hit.phash <= self.refuse.phash:
            return Verdict.HOLD if hit.weak else Verdict.REFUSE
        if hit.dhash <= self.hold.dhash and hit.phash <= self.hold.phash:
            return Verdict.HOLD
        return Verdict.PUBLISH


def decide(hits: Iterable[Hit], policy: Policy) -> tuple[Verdict, Hit | None]:
    """The verdict on a picture with those hits, and the hit that brought it about, if one did."""
    gravest = max(hits, key=lambda hit: (policy.verdict(hit).gravity, -hit.phash, -hit.dhash), default=None)
    if gravest is None or policy.verdict(gravest) is Verdict.PUBLISH:
        return Verdict.PUBLISH, None
    return policy.verdict(gravest), gravest


def compare(known: Fingerprint, asked: Fingerprint) -> Hit:
    """The distances between two fingerprints, in the views whose dHashes come nearest."""
    dhashes = np.bitwise_count(known.views["dhash"][:, None] ^ asked.views["dhash"])
    phashes = distance(known.views["phash"][:, None], asked.views["phash"])
    row, column = np.unravel_index(int(dhashes.argmin()), dhashes.shape)
    return Hit(
        0,
        View(int(known.views["view"][row])),
        int(dhashes[row, column]),
        int(phashes[row, column]),
        identical=known.pixels is not None and known.pixels == asked.pixels,
        weak=known.weak or asked.weak,
    )


class Matcher:
    """Fingerprints by id, and which of them one comes near to. Not for several threads at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # One row a view; the engine answers with row numbers. A dropped fingerprint's rows stay, with owner -1.
        self._owner: Column[np.int64] = Column(np.int64)
        self._view: Column[np.uint8] = Column(np.uint8)
        self._phash: Column[np.uint64] = Column(np.uint64, (4,))
        self._weak: Column[np.bool_] = Column(np.bool_)
        self._rows: dict[int, range] = {}
        self._pixels: dict[int, bytes] = {}
        self._by_pixels: dict[bytes, set[int]] = {}

    def __len__(self) -> int:
        return len(self._pixels)

    def __contains__(self, id_: int) -> bool:
        return id_ in self._pixels

    def put(self, known: Iterable[tuple[int, Fingerprint]], weak_by_hash: bool) -> None:
        """Add fingerprints, each in place of the one with its id, if there is one.

        A weak fingerprint is found by its hashes only if `weak_by_hash`, otherwise by identical pixels alone.
        """
        latest = dict(known)
        for id_ in latest:
            self.drop(id_)
        coded = [(id_, one) for id_, one in latest.items() if weak_by_hash or not one.weak]
        if coded:
            # Joined as bytes: numpy would look at the type of each.
            views = np.frombuffer(b"".join(one.views.tobytes() for _, one in coded), VIEW)
            counts = [len(one.views) for _, one in coded]
            first = len(self._owner)
            self._owner.extend(np.repeat([id_ for id_, _ in coded], counts))
            self._view.extend(views["view"])
            self._phash.extend(views["phash"])
            self._weak.extend(np.repeat([one.weak for _, one in coded], counts))
            self._engine.extend(views["dhash"], np.arange(first, first + len(views)))
            ends = (first + np.cumsum(counts)).tolist()
            for (id_, _), count, end in zip(coded, counts, ends, strict=True):
                self._rows[id_] = range(end - count, end)
        for id_, one in latest.items():
            self._pixels[id_] = one.pixels or b""
            if one.pixels:
                self._by_pixels.setdefault(one.pixels, set()).add(id_)

    def drop(self, id_: int) -> None:
        """Forget that fingerprint, if it is known."""
        pixels = self._pixels.pop(id_, b"")
        if pixels:
            same = self._by_pixels[pixels]
            same.discard(id_)
            if not same:
                del self._by_pixels[pixels]
        for row in self._rows.pop(id_, ()):
            self._owner.values[row] = -1

    def near(self, asked: Fingerprint, within: int, by_hash: bool = True) -> list[Hit]:
        """Every known fingerprint within so many bits of dHash or of identical pixels, once each, nearest first.

        With `by_hash` False, identical pixels alone count.
        """
        best: dict[int, Hit] = {}
        for view in asked.views if by_hash else ():
            rows, bits = self._engine.near(int(view["dhash"]), within)
            alive = self._owner.values[rows] >= 0
            rows, bits = rows[alive], bits[alive]
            apart = distance(self._phash.values[rows], view["phash"])
            for row, dhash, phash in zip(rows.tolist(), bits.tolist(), apart.tolist(), strict=True):
                owner = int(self._owner.values[row])
                if owner not in best or (phash, dhash) < (best[owner].phash, best[owner].dhash):
                    weak = asked.weak or bool(self._weak.values[row])
                    best[owner] = Hit(owner, View(int(self._view.values[row])), dhash, phash, weak=weak)
        for id_ in self._by_pixels.get(asked.pixels or b"", ()):
            best[id_] = Hit(id_, View.WHOLE, 0, 0, identical=True)
        return sorted(best.values(), key=lambda hit: (hit.dhash, hit.phash, hit.id))
