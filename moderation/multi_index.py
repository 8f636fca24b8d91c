"""The multi-index engine: codes within a distance among millions, exactly, without comparing them all."""

import threading
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .index import Codes, Column, Distances, Ids, ScanEngine

FEW, MANY = (16, 16, 16, 16), (22, 21, 21)
"""Widths of the bands, in bits, for fewer and for more codes than HALF_A_MILLION."""

HALF_A_MILLION = 500_000

TAIL = 16_384
"""So many new codes are compared one by one before they are merged."""

LOOK, BUCKET = 48_000, 16
"""What a look costs to begin with, and for each bucket and each code in one: so many codes are compared meanwhile."""

AT_ONCE = 1 << 18
"""Buckets that are looked into in one go: it bounds the memory of a look."""

# Rows of a dHash, one byte each, in an order that keeps neighbours in different bands: they are alike.
_ROWS = [0, 3, 6, 1, 4, 7, 2, 5]


class MultiIndexEngine:
    """Multi-index hashing (Norouzi, Punjani and Fleet, "Fast Search in Hamming Space with Multi-Index Hashing", 2012).

    A code is cut into m bands. Two codes within r bits of each other agree, in at least one band, up to a few flips:
    with r + 1 = a * m + b, up to a flips in one of the first b bands, or up to a - 1 in one of the others. So only the
    buckets of keys that near are looked into. New codes go to a tail that is scanned; a longer tail is merged by a
    thread of its own, while the old index goes on answering. Not for several threads at once.
    """

    def __init__(self, tail: int = TAIL) -> None:
        self._most = tail
        self._index = _Index.of(np.empty(0, np.uint64), np.empty(0, np.uint32))
        self._codes: Column[np.uint64] = Column(np.uint64)
        self._ids: Column[np.int64] = Column(np.int64)
        self._merge: _Merge | None = None

    def __len__(self) -> int:
        return len(self._index) + len(self._codes)

    @property
    def nbytes(self) -> int:
        return self._index.nbytes + self._codes.nbytes + self._ids.nbytes

    def extend(self, codes: Codes, ids: Ids) -> None:
        """Add codes, each with the id to answer for it; both of shape (n,)."""
        self._take_over()
        self._codes.extend(_apart(codes))
        self._ids.extend(ids)
        self._shorten(at_once=len(self._codes) >= len(self._index))

    def near(self, code: int, within: int) -> tuple[Ids, Distances]:
        """The ids of all codes that differ from `code` in at most `within` bits, and by how many, in any order."""
        _, ids, distances = self.near_all(np.array([code], np.uint64), within)
        return ids, distances

    def near_all(self, codes: Codes, within: int) -> tuple[Ids, Ids, Distances]:
        """The same for several codes: places in `codes`, ids and distances, in any order."""
        self._take_over()
        codes = _apart(codes)
        found = [*self._index.near(codes, within), *_scan(self._codes.values, self._ids.values, codes, within)]
        if not found:
            nothing = np.empty(0, np.int64)
            return nothing, nothing, nothing
        places, ids, distances = (
            np.concatenate(part).astype(np.int64, copy=False) for part in zip(*found, strict=True)
        )
        return places, ids, distances

    def settle(self) -> None:
        """Wait until nothing is being merged."""
        while self._merge:
            self._merge.join()
            self._take_over()

    def _take_over(self) -> None:
        """Put a merged index in place of the old one and of the part of the tail that is in it."""
        merge = self._merge
        if merge is None or not merge.ended:
            return
        self._merge = None
        if merge.merged is None:
            return  # it failed, as its thread has told: the tail is as it was, and the next codes try again
        self._index = merge.merged
        self._codes = self._codes.after(merge.count)
        self._ids = self._ids.after(merge.count)
        self._shorten()  # of what came meanwhile there may be too much again, and nothing more may come

    def _shorten(self, at_once: bool = False) -> None:
        """Have a tail that is too long merged, unless something is being merged."""
        if self._merge or len(self._codes) <= max(self._most, len(self._index) // 32):
            return
        self._merge = merge = _Merge(self._index, self._codes.values.copy(), self._ids.values.copy())
        if at_once:
            merge.run()
            self._take_over()
        else:
            merge.start()


class _Merge(threading.Thread):
    """The making of an index from an older one and codes that came since."""

    def __init__(self, index: "_Index", codes: Codes, ids: Ids) -> None:
        super().__init__(name="merge", daemon=True)
        self._parts = index, codes, ids
        self.count = len(codes)
        self.merged: _Index | None = None
        self.ended = False

    def run(self) -> None:
        index, codes, ids = self._parts
        try:
            self.merged = index.merged(codes, ids)
        finally:
            self.ended = True


_Ids = npt.NDArray[np.uint32] | npt.NDArray[np.int64]
"""Half as large where that will do."""

_Found = tuple[Ids, _Ids, npt.NDArray[np.uint8]]
"""Places of the codes asked for, ids, distances."""


@dataclass(frozen=True)
class _Index:
    """Codes by the keys of their bands.

    The buckets of all keys of all bands lie one after the other in `codes` and `ids`, of shape (bands * n,); bucket k
    begins at `begins[k]`, where a key's number is the band's number followed by the key.
    """

    widths: tuple[int, ...]
    codes: Codes
    ids: _Ids
    begins: npt.NDArray[np.uint32]  # so there may be 2 ** 32 / bands codes

    @classmethod
    def of(cls, codes: Codes, ids: _Ids) -> "_Index":
        widths = FEW if len(codes) < HALF_A_MILLION else MANY
        count, keys = len(codes), 1 << widths[0]
        if not count:
            return cls(widths, codes, ids, np.empty(0, np.uint32))  # the tables alone are a megabyte
        size = len(widths) * count
        begins = np.zeros(len(widths) * keys + 1, np.uint32)
        by_key = np.empty(size, np.uint64)
        ids_by_key: _Ids = np.empty_like(ids, shape=size)
        for band, (shift, mask) in enumerate(_bands(widths)):
            part = slice(band * count, (band + 1) * count)
            key = codes >> np.uint64(shift) & np.uint64(mask)
            # Key and place in one number, because numbers are sorted much faster than places by key.
            order = np.sort(key << np.uint64(32) | np.arange(count, dtype=np.uint64))
            key, order = order >> np.uint64(32), order & np.uint64(0xFFFFFFFF)
            np.take(codes, order, out=by_key[part], mode="clip")
            np.take(ids, order, out=ids_by_key[part], mode="clip")
            of_band = begins[band * keys + 1 : (band + 1) * keys + 1]
            of_band[:] = band * count + np.bincount(key.astype(np.int64), minlength=keys).cumsum()
        return cls(widths, by_key, ids_by_key, begins)

    def merged(self, codes: Codes, ids: Ids) -> "_Index":
        count = len(self)
        every: _Ids = np.concatenate([self.ids[:count].astype(np.int64), ids])
        if every.min() >= 0 and every.max() < 1 << 32:
            every = every.astype(np.uint32)
        return _Index.of(np.concatenate([self.codes[:count], codes]), every)

    def __len__(self) -> int:
        return len(self.codes) // len(self.widths)

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes + self.ids.nbytes + self.begins.nbytes

    def near(self, codes: Codes, within: int) -> list[_Found]:
        """As the engine's `near_all`, in parts."""
        if not len(self):
            return []
        probes = _probes(self.widths, within)
        buckets = float("inf") if probes is None else len(probes.flips) * (1 + len(self) / (1 << self.widths[0]))
        if probes is None or LOOK + BUCKET * buckets * len(codes) > len(self) * len(codes):
            return _scan(self.codes[: len(self)], self.ids, codes, within)
        step = max(1, AT_ONCE // len(probes.flips))
        starts = range(0, len(codes), step)
        return [part for first in starts for part in self._look(codes[first : first + step], within, probes, first)]

    def _look(self, codes: Codes, within: int, probes: "_Probes", first: int) -> list[_Found]:
        keys = (codes[:, None] >> probes.shifts & probes.masks).astype(np.int64)
        buckets = (keys.take(probes.bands, axis=1) ^ probes.flips).ravel()
        begins = self.begins.take(buckets).astype(np.int64)
        buckets += 1
        sizes = self.begins.take(buckets) - begins
        some = np.flatnonzero(sizes)
        begins, sizes = begins.take(some), sizes.take(some)
        ends = sizes.cumsum()
        places = np.repeat(begins - (ends - sizes), sizes)
        places += np.arange(len(places))
        asked = some // len(probes.flips)
        apart = self.codes.take(places) ^ (np.repeat(codes.take(asked), sizes) if len(codes) > 1 else codes)
        bits = np.bitwise_count(apart)
        hits = np.flatnonzero(bits <= within)
        if not len(hits):
            return []
        # A code that several bands lead to counts in the first of them.
        band, apart = places.take(hits) // len(self), apart.take(hits)
        for earlier in range(len(self.widths) - 1):
            flipped = np.bitwise_count(apart >> probes.shifts[earlier] & probes.masks[earlier])
            fresh = np.flatnonzero((band <= earlier) | (flipped > probes.most[earlier]))
            hits, band, apart = hits.take(fresh), band.take(fresh), apart.take(fresh)
        which = asked.take(ends.searchsorted(hits, "right")) + first
        return [(which, self.ids.take(places.take(hits)), bits.take(hits))]


class _Probes(NamedTuple):
    """Which buckets to look into for all codes within a distance: for each of them its band, and the key's flips.

    The band's number is in the flips, above the key. `most` are the flips in each band, -1 where none is looked into.
    """

    bands: npt.NDArray[np.int64]
    flips: npt.NDArray[np.int64]
    most: tuple[int, ...]
    shifts: Codes
    masks: Codes


def _bands(widths: tuple[int, ...]) -> list[tuple[int, int]]:
    """By how much a code is shifted to the right for each band, and the mask of the key then."""
    return [(sum(widths[band + 1 :]), (1 << width) - 1) for band, width in enumerate(widths)]


@cache
def _probes(widths: tuple[int, ...], within: int) -> _Probes | None:
    """None if there are too many to be worth it."""
    a, b = divmod(within + 1, len(widths))
    most = tuple(a if band < b else a - 1 for band in range(len(widths)))
    if max(most) > 5:
        return None
    bands, flips = [], []
    for band, width in enumerate(widths):
        for count in range(most[band] + 1):
            for bits in combinations(range(width), count):
                bands.append(band)
                flips.append(band << widths[0] | sum(1 << bit for bit in bits))
    shifts, masks = (np.array(numbers, np.uint64) for numbers in zip(*_bands(widths), strict=True))
    return _Probes(np.array(bands), np.array(flips), most, shifts, masks)


def _apart(codes: Codes) -> Codes:
    """The codes with their rows in another order, so that rows that are alike lie in different bands."""
    return np.ascontiguousarray(codes).view(np.uint8).reshape(-1, 8)[:, _ROWS].copy().view(np.uint64).ravel()


def _scan(known: Codes, ids: _Ids, codes: Codes, within: int) -> list[_Found]:
    found: list[_Found] = []
    for start in range(0, len(known), ScanEngine.CHUNK):
        chunk = known[start : start + ScanEngine.CHUNK]
        for place, code in enumerate(codes):
            bits = np.bitwise_count(chunk ^ code)
            hits = np.flatnonzero(bits <= within)
            if len(hits):
                found.append((np.full(len(hits), place), ids[start + hits], bits[hits]))
    return found
