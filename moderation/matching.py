"""Which known fingerprints one comes near to, and what that means: the one relation that every part goes by."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .fingerprint import Fingerprint, blocked_views, distance
from .index import Column, Distances, Engine, Ids, ScanEngine
from .luminance import WHOLE_BOX, Box
from .verify import Agreement, agreement
from .views import BOTH_DIRECT, COMPARABLE, VIEW, labels, look, unpack_box


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


def against(blocked: Fingerprint, asked: Fingerprint, policy: Policy) -> Hit | None:
    """How the second picture would be found if the first were blocked; None if it would not be a candidate."""
    entry = Matcher(ScanEngine)
    entry.put([(0, replace(blocked, views=blocked_views(blocked)))], weak_by_hash=False)
    hits = entry.near(asked, policy)
    return verified(hits[0], blocked, asked) if hits else None


def verified(hit: Hit, blocked: Fingerprint, asked: Fingerprint) -> Hit:
    """The hit with the agreement of the pixels, where there are any to compare."""
    if blocked.luminance is None or asked.luminance is None or hit.boxes is None:
        return hit
    theirs = look(blocked.luminance, hit.view, hit.boxes[0], blocked.aspect)
    ours = look(asked.luminance, hit.asked, hit.boxes[1], asked.aspect)
    return replace(hit, agreement=agreement(theirs, ours))


_ONE_KIND = np.zeros(len(COMPARABLE), np.int64)

BATCH = 4_096
"""So many fingerprints are made ready together."""

ROOM = 4_096
"""So many rows may be of dropped fingerprints, and twice as many as there are others, before they are cleared away."""


class Matcher:
    """Fingerprints by id, and which of them one comes near to. Not for several threads at once.

    The known ones are blocked pictures and an upload asks, unless `known_are_uploads`: then it is the other way about.
    Known views have an engine for each of their `kinds`, and each is asked only with what may be compared with it.
    """

    def __init__(
        self, make: Callable[[], Engine], kinds: npt.NDArray[np.int64] = _ONE_KIND, known_are_uploads: bool = False
    ) -> None:
        self._kinds = kinds.astype(np.uint8)  # of millions of rows at once
        self._swapped = known_are_uploads
        self._make = make
        comparable = COMPARABLE.T if known_are_uploads else COMPARABLE
        of_kind = [kinds == kind for kind in range(int(kinds.max()) + 1)]
        self._engines = [make() for _ in of_kind]
        self._asks, self._asks_directly = (
            [which[mine].any(axis=0) for mine in of_kind] for which in (comparable, comparable & BOTH_DIRECT)
        )
        # One row a view; the engine answers with row numbers. A dropped fingerprint's rows stay, with owner -1.
        self._dropped = 0
        self._owner: Column[np.int64] = Column(np.int64)
        self._dhash: Column[np.uint64] = Column(np.uint64)
        self._view: Column[np.uint8] = Column(np.uint8)
        self._box: Column[np.uint8] = Column(np.uint8, (4,))
        self._phash: Column[np.uint64] = Column(np.uint64, (4,))
        self._weak: Column[np.bool_] = Column(np.bool_)
        self._rows: dict[int, range] = {}
        self._pixels: dict[int, bytes] = {}
        self._by_pixels: dict[bytes, int | set[int]] = {}  # most have one, for which a set is six times as large

    def __len__(self) -> int:
        return len(self._pixels)

    def __contains__(self, id_: int) -> bool:
        return id_ in self._pixels

    def put(self, known: Iterable[tuple[int, Fingerprint]], weak_by_hash: bool) -> None:
        """Add fingerprints, each in place of the one with its id, if there is one.

        A weak fingerprint is found by its hashes only if `weak_by_hash`, otherwise by identical pixels alone. One that
        is known as it is costs nothing: a picture comes again with every change of its state. Where getting them ends
        in an error, those that came before are known.
        """
        first, coming = len(self._owner), iter(known)
        try:
            # A batch at a time: of a million, what they are read from would take more memory than what is kept.
            while batch := dict(islice(coming, BATCH)):
                self._store(batch, weak_by_hash)
        finally:
            self._index(first)
        if self._dropped > ROOM + 2 * (len(self._owner) - self._dropped):
            self._clear_away()

    def _store(self, known: dict[int, Fingerprint], weak_by_hash: bool) -> None:
        latest = {id_: one for id_, one in known.items() if not self._has(id_, one)}
        for id_ in latest.keys() & self._pixels.keys():
            self.drop(id_)
        coded = [(id_, one) for id_, one in latest.items() if weak_by_hash or not one.weak]
        if coded:
            # Joined as bytes: numpy would look at the type of each.
            views = np.frombuffer(b"".join(one.views.tobytes() for _, one in coded), VIEW)
            counts = [len(one.views) for _, one in coded]
            first = len(self._owner)
            self._owner.extend(np.repeat([id_ for id_, _ in coded], counts))
            self._dhash.extend(views["dhash"])
            self._view.extend(views["view"])
            self._box.extend(views["box"])
            self._phash.extend(views["phash"])
            self._weak.extend(np.repeat([one.weak for _, one in coded], counts))
            ends = (first + np.cumsum(counts)).tolist()
            for (id_, _), count, end in zip(coded, counts, ends, strict=True):
                self._rows[id_] = range(end - count, end)
        for id_, one in latest.items():
            self._pixels[id_] = one.pixels or b""
            if one.pixels:
                same = self._by_pixels.setdefault(one.pixels, id_)
                if isinstance(same, set):
                    same.add(id_)
                elif same != id_:
                    self._by_pixels[one.pixels] = {same, id_}

    def _has(self, id_: int, one: Fingerprint) -> bool:
        rows = self._rows.get(id_)
        if rows is None or len(rows) != len(one.views) or self._pixels[id_] != (one.pixels or b""):
            return False
        here, views = slice(rows.start, rows.stop), one.views
        return (
            bool(self._weak.values[rows.start]) == one.weak
            and np.array_equal(self._view.values[here], views["view"])
            and np.array_equal(self._dhash.values[here], views["dhash"])
            and np.array_equal(self._phash.values[here], views["phash"])
            and np.array_equal(self._box.values[here], views["box"])
        )

    def drop(self, id_: int) -> None:
        """Forget that fingerprint, if it is known."""
        pixels = self._pixels.pop(id_, b"")
        if pixels:
            same = self._by_pixels[pixels]
            if isinstance(same, set) and len(same) > 1:
                same.discard(id_)
            else:
                del self._by_pixels[pixels]
        rows = self._rows.pop(id_, range(0))
        self._owner.values[rows.start : rows.stop] = -1
        self._dropped += len(rows)

    def near(self, asked: Fingerprint, policy: Policy, by_hash: bool = True, direct: bool = False) -> list[Hit]:
        """Every known fingerprint that is a candidate, once each, in its gravest pair of views; gravest, nearest first.

        With `by_hash` False, identical pixels alone count; with `direct`, direct views alone.
        """
        best = self._by_hashes(asked, policy, direct) if by_hash else {}
        identical = self._by_pixels.get(asked.pixels or b"", ())
        for id_ in (identical,) if isinstance(identical, int) else identical:
            best[id_] = Hit(id_, 0, 0, 0, 0, identical=True)
        return sorted(best.values(), key=lambda hit: (-policy.verdict(hit).gravity, hit.rank, hit.id))

    def _index(self, first: int) -> None:
        """Have the engines know the rows from that one on."""
        kinds, codes = self._kinds[self._view.values[first:]], self._dhash.values[first:]
        for kind, engine in enumerate(self._engines):
            mine = np.flatnonzero(kinds == kind)
            if len(mine):
                engine.extend(codes[mine], mine + first)

    def _clear_away(self) -> None:
        """Leave out the rows of dropped fingerprints: a list on which much comes and goes would grow without end."""
        places = np.flatnonzero(self._owner.values >= 0)
        for column in (self._owner, self._dhash, self._view, self._box, self._phash, self._weak):
            column.keep(places)
        starts = places.searchsorted([rows.start for rows in self._rows.values()]).tolist()
        moved = zip(self._rows.items(), starts, strict=True)
        self._rows = {id_: range(start, start + len(rows)) for (id_, rows), start in moved}
        self._dropped = 0
        self._engines = [self._make() for _ in self._engines]
        self._index(0)

    def _by_hashes(self, asked: Fingerprint, policy: Policy, direct: bool) -> dict[int, Hit]:
        found = []
        for engine, asks in zip(self._engines, self._asks_directly if direct else self._asks, strict=True):
            places = np.flatnonzero(asks[asked.views["view"]])
            if not len(places):
                continue
            which, rows, bits = engine.near_all(asked.views["dhash"][places], policy.widest)
            if not len(rows):
                continue
            which = places[which]
            views = self._views(rows, which, asked)
            keep = (self._owner.values[rows] >= 0) & COMPARABLE[views]
            if direct:
                keep &= BOTH_DIRECT[views]
            (kept,) = keep.nonzero()
            which, rows, bits = which[kept], rows[kept], bits[kept]
            phash = distance(self._phash.values[rows], asked.views["phash"][which])
            close = phash + 2 * bits <= max(policy.candidate, policy.hold.phash + 2 * policy.hold.dhash)
            if close.any():
                found.append((which[close], rows[close], bits[close], phash[close]))
        return self._gravest(asked, policy, found) if found else {}

    def _gravest(
        self, asked: Fingerprint, policy: Policy, found: list[tuple[Ids, Ids, Distances, Distances]]
    ) -> dict[int, Hit]:
        """The hit of each fingerprint in its gravest pair of views.

        `found` has, in parts, places among the views asked with, rows, and bits of both hashes. Of pairs that refuse
        anyway, the plainest counts, because people are told of it; else the nearest.
        """
        which, rows, dhash, phash = (np.concatenate(part) for part in zip(*found, strict=True))
        owners, views = self._owner.values[rows], self._views(rows, which, asked)
        gravity = policy.gravities(dhash, phash, BOTH_DIRECT[views], self._weak.values[rows] | asked.weak)
        exotic, rank = np.maximum(*views), phash + 2 * dhash
        if_refused = np.where(gravity == Verdict.REFUSE.gravity, exotic, 0)
        order = np.lexsort((exotic, rank, if_refused, -gravity, owners))  # the last key counts first
        firsts = order[np.flatnonzero(np.diff(owners[order], prepend=-1))].tolist()
        hits = [
            self._hit(int(rows[place]), asked.views[which[place]], int(dhash[place]), int(phash[place]), asked.weak)
            for place in firsts
        ]
        return {hit.id: hit for hit in hits}

    def _views(self, rows: Ids, which: Ids, asked: Fingerprint) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """By pair, the blocked picture's view and the upload's."""
        theirs, ours = self._view.values[rows], asked.views["view"][which]
        return (ours, theirs) if self._swapped else (theirs, ours)

    def _hit(self, row: int, ours: np.void, dhash: int, phash: int, weak: bool) -> Hit:
        views = int(self._view.values[row]), int(ours["view"])
        boxes = unpack_box(self._box.values[row]), unpack_box(ours["box"])
        if self._swapped:
            views, boxes = views[::-1], boxes[::-1]
        weak = weak or bool(self._weak.values[row])
        return Hit(int(self._owner.values[row]), *views, dhash, phash, boxes, weak=weak)
