"""Many fingerprints, and which of them one comes near to."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from .fingerprint import Fingerprint, blocked_views, distance
from .index import Column, Distances, Engine, Ids, ScanEngine
from .matching import Hit, Policy, Verdict, verified
from .views import BOTH_DIRECT, COMPARABLE, VIEW, unpack_box

_ONE_KIND = np.zeros(len(COMPARABLE), np.int64)

BATCH = 4_096
"""So many fingerprints are made ready together."""

ROOM = 64
"""So many fingerprints may be dropped, and one for every eight others, before they are cleared away."""

_NO_PIXELS = bytes(32)
_NO_VIEWS = np.empty(0, VIEW)

Read = Callable[[Collection[int]], Mapping[int, npt.NDArray[np.void]]]
"""By id, the views of these fingerprints; of one that is gone, nothing."""


class Outdated(Exception):  # noqa: N818 - a finding
    """Some known fingerprints are not what is stored; `ids` says which."""

    def __init__(self, ids: Collection[int]) -> None:
        super().__init__(ids)
        self.ids = ids


class Matcher:
    """Fingerprints by id, and which of them one comes near to. Not for several threads at once.

    The known ones are blocked pictures and an upload asks, unless `known_are_uploads`: then it is the other way about.
    Known views have an engine for each of their `kinds`, and each is asked only with what may be compared with it.
    With `read`, of a view only what finds it is kept, and the rest, most of it, is read where it was found.
    """

    def __init__(
        self,
        make: Callable[[], Engine],
        kinds: npt.NDArray[np.int64] = _ONE_KIND,
        known_are_uploads: bool = False,
        read: Read | None = None,
    ) -> None:
        self._kinds = kinds.astype(np.uint8)  # of millions of rows at once
        self._swapped = known_are_uploads
        self._make = make
        self._read = read
        comparable = COMPARABLE.T if known_are_uploads else COMPARABLE
        of_kind = [kinds == kind for kind in range(int(kinds.max()) + 1)]
        self._engines = [make() for _ in of_kind]
        self._asks, self._asks_directly = (
            [which[mine].any(axis=0) for mine in of_kind] for which in (comparable, comparable & BOTH_DIRECT)
        )
        # A place for each fingerprint, and in its order a row for each of its views. The engines answer with row
        # numbers. A dropped one's place stays, with id -1. Kept in columns: objects would take several times as much.
        self._count = 0
        self._places: Column[np.uint32] = Column(np.uint32)  # by id, one more than its place; 0 where there is none
        self._ids: Column[np.int64] = Column(np.int64)
        self._first: Column[np.uint32] = Column(np.uint32)  # the row that its rows begin with
        self._pixels: Column[np.uint64] = Column(np.uint64, (4,))
        self._weak: Column[np.bool_] = Column(np.bool_)
        self._dhash: Column[np.uint64] = Column(np.uint64)
        self._view: Column[np.uint8] = Column(np.uint8)
        self._row_columns: dict[str, Column[Any]] = {"dhash": self._dhash, "view": self._view}
        if not read:
            self._row_columns |= {"box": Column(np.uint8, (4,)), "phash": Column(np.uint64, (4,))}

    def __len__(self) -> int:
        return self._count

    def __contains__(self, id_: int) -> bool:
        return self._place_of(id_) is not None

    def put(self, known: Iterable[tuple[int, Fingerprint]], weak_by_hash: bool) -> None:
        """Add fingerprints, each in place of the one with its id, if there is one.

        A weak fingerprint is found by its hashes only if `weak_by_hash`, otherwise by identical pixels alone. One that
        is known as it is costs nothing: a picture comes again with every change of its state. Where getting them ends
        in an error, those that came before are known.
        """
        first, coming = len(self._view), iter(known)
        try:
            # A batch at a time: of a million, what they are read from would take more memory than what is kept.
            while batch := dict(islice(coming, BATCH)):
                self._store(batch, weak_by_hash)
        finally:
            self._index(first)
        if len(self._ids) - len(self) > ROOM + len(self) // 8:
            self._clear_away()

    def _store(self, known: dict[int, Fingerprint], weak_by_hash: bool) -> None:
        shown = {id_: one.views if weak_by_hash or not one.weak else one.views[:0] for id_, one in known.items()}
        latest = {id_: one for id_, one in known.items() if not self._has(id_, one, shown[id_])}
        if not latest:
            return
        for id_ in latest:
            self.drop(id_)
        # Joined as bytes: numpy would look at the type of each.
        views = np.frombuffer(b"".join(shown[id_].tobytes() for id_ in latest), VIEW)
        counts = np.array([len(shown[id_]) for id_ in latest])
        ids, places = np.array(list(latest)), np.arange(len(self._ids), len(self._ids) + len(latest))
        self._count += len(latest)
        self._places.reach(max(latest) + 1)
        self._places.values[ids] = places + 1
        self._ids.extend(ids)
        self._first.extend((len(self._view) + counts.cumsum() - counts).astype(np.uint32))
        self._pixels.extend(np.array([_words(one.pixels) for one in latest.values()]))
        self._weak.extend(np.array([one.weak for one in latest.values()]))
        for name, column in self._row_columns.items():
            column.extend(views[name])

    def _place_of(self, id_: int) -> int | None:
        place = int(self._places.values[id_]) if id_ < len(self._places) else 0
        return place - 1 if place else None

    def _rows(self, place: int) -> slice:
        first = self._first.values[place : place + 2].tolist()
        return slice(first[0], first[1] if len(first) > 1 else len(self._view))

    def _places_of(self, rows: Ids) -> Ids:
        """By row, the place of the fingerprint it belongs to; those without rows begin where the next one does."""
        return self._first.values.searchsorted(np.asarray(rows, np.uint32), "right") - 1

    def _has(self, id_: int, one: Fingerprint, views: npt.NDArray[np.void]) -> bool:
        place = self._place_of(id_)
        if place is None or not np.array_equal(self._pixels.values[place], _words(one.pixels)):
            return False
        rows = self._rows(place)
        return bool(self._weak.values[place]) == one.weak and all(
            np.array_equal(column.values[rows], views[name]) for name, column in self._row_columns.items()
        )

    def drop(self, id_: int) -> None:
        """Forget that fingerprint, if it is known."""
        place = self._place_of(id_)
        if place is not None:
            self._count -= 1
            self._places.values[id_], self._ids.values[place] = 0, -1

    def near(self, asked: Fingerprint, policy: Policy, by_hash: bool = True, direct: bool = False) -> list[Hit]:
        """Every known fingerprint that is a candidate, once each, in its gravest pair of views; gravest, nearest first.

        With `by_hash` False, identical pixels alone count; with `direct`, direct views alone. Raises `Outdated`
        where what is read has other views or dHashes than what was put.
        """
        best = self._by_hashes(asked, policy, direct) if by_hash else {}
        for id_ in self._identical(asked.pixels):
            best[id_] = Hit(id_, 0, 0, 0, 0, identical=True)
        return sorted(best.values(), key=lambda hit: (-policy.verdict(hit).gravity, hit.rank, hit.id))

    def _identical(self, pixels: bytes | None) -> list[int]:
        """The ids of those with exactly these canonical pixels."""
        if not pixels:
            return []
        wanted, known = _words(pixels), self._pixels.values
        places = np.flatnonzero(known[:, 0] == wanted[0])
        ids = self._ids.values[places[(known[places] == wanted).all(axis=1)]].tolist()
        return [id_ for id_ in ids if id_ >= 0]

    def _index(self, first: int) -> None:
        """Have the engines know the rows from that one on."""
        kinds, codes = self._kinds[self._view.values[first:]], self._dhash.values[first:]
        for kind, engine in enumerate(self._engines):
            mine = np.flatnonzero(kinds == kind)
            if len(mine):
                engine.extend(codes[mine], mine + first)

    def _clear_away(self) -> None:
        """Leave out the rows of dropped fingerprints: a list on which much comes and goes would grow without end."""
        live = self._ids.values >= 0
        counts = np.diff(self._first.values, append=len(self._view))
        rows, places, counts = np.flatnonzero(live.repeat(counts)), np.flatnonzero(live), counts[live]
        of_each: tuple[Column[Any], ...] = self._ids, self._first, self._pixels, self._weak
        for columns, kept in ((of_each, places), (self._row_columns.values(), rows)):
            for column in columns:
                column.keep(kept)
        self._places.values[self._ids.values] = np.arange(1, len(places) + 1)
        self._first.values[:] = counts.cumsum() - counts
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
            keep = (self._owners(rows) >= 0) & COMPARABLE[views]
            if direct:
                keep &= BOTH_DIRECT[views]
            (kept,) = keep.nonzero()
            if len(kept):
                found.append((which[kept], rows[kept], bits[kept]))
        if not found:
            return {}
        which, rows, dhash = (np.concatenate(part) for part in zip(*found, strict=True))
        boxes, phashes = self._boxes_and_phashes(rows)
        phash = distance(phashes, asked.views["phash"][which])
        close = phash + 2 * dhash <= max(policy.candidate, policy.hold.phash + 2 * policy.hold.dhash)
        if not close.any():
            return {}
        return self._gravest(asked, policy, which[close], rows[close], boxes[close], dhash[close], phash[close])

    def _gravest(
        self,
        asked: Fingerprint,
        policy: Policy,
        which: Ids,
        rows: Ids,
        boxes: npt.NDArray[np.uint8],
        dhash: Distances,
        phash: Distances,
    ) -> dict[int, Hit]:
        """The hit of each fingerprint in its gravest pair of views.

        By pair, its place among the views asked with, its row and that one's box, and the bits of both hashes. Of pairs
        that refuse anyway, the plainest counts, because people are told of it; else the nearest.
        """
        owners, views = self._owners(rows), self._views(rows, which, asked)
        weak = self._weak.values[self._places_of(rows)] | asked.weak
        gravity = policy.gravities(dhash, phash, BOTH_DIRECT[views], weak)
        exotic, rank = np.maximum(*views), phash + 2 * dhash
        if_refused = np.where(gravity == Verdict.REFUSE.gravity, exotic, 0)
        order = np.lexsort((exotic, rank, if_refused, -gravity, owners))  # the last key counts first
        firsts = order[np.flatnonzero(np.diff(owners[order], prepend=-1))]
        hits = [
            self._hit(
                int(rows[pair]), boxes[pair], asked.views[which[pair]], int(dhash[pair]), int(phash[pair]), asked.weak
            )
            for pair in firsts.tolist()
        ]
        return {hit.id: hit for hit in hits}

    def _boxes_and_phashes(self, rows: Ids) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint64]]:
        """By row, its box and its pHash, each of shape (n, 4)."""
        if not self._read:
            return self._row_columns["box"].values[rows], self._row_columns["phash"].values[rows]
        places, owners = np.unique(self._places_of(rows), return_inverse=True)
        ids, begins = self._ids.values[places], self._first.values[places].astype(np.int64)
        ends = np.full(len(places), len(self._view))
        followed = places + 1 < len(self._first)
        ends[followed] = self._first.values[places[followed] + 1]
        counts = ends - begins
        read = self._read(ids.tolist())
        views = [read.get(id_, _NO_VIEWS) for id_ in ids.tolist()]
        outdated = np.array([len(its) for its in views]) != counts
        if not outdated.any():
            starts = counts.cumsum() - counts
            stored = np.frombuffer(b"".join(its.tobytes() for its in views), VIEW)
            kept = np.arange(len(stored)) + (begins - starts).repeat(counts)
            differ = (stored["dhash"] != self._dhash.values[kept]) | (stored["view"] != self._view.values[kept])
            outdated = np.logical_or.reduceat(differ, starts)
        if outdated.any():
            raise Outdated(ids[outdated].tolist())
        found = stored[starts[owners] + rows - begins[owners]]
        return found["box"], found["phash"]

    def _owners(self, rows: Ids) -> Ids:
        """By row, the id of the fingerprint it belongs to; -1 where that was dropped."""
        return self._ids.values[self._places_of(rows)]

    def _views(self, rows: Ids, which: Ids, asked: Fingerprint) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """By pair, the blocked picture's view and the upload's."""
        theirs, ours = self._view.values[rows], asked.views["view"][which]
        return (ours, theirs) if self._swapped else (theirs, ours)

    def _hit(self, row: int, box: npt.NDArray[np.uint8], ours: np.void, dhash: int, phash: int, weak: bool) -> Hit:
        views, boxes = (int(self._view.values[row]), int(ours["view"])), (unpack_box(box), unpack_box(ours["box"]))
        if self._swapped:
            views, boxes = views[::-1], boxes[::-1]
        place = self._places_of(np.array([row]))[0]
        weak = weak or bool(self._weak.values[place])
        return Hit(int(self._ids.values[place]), *views, dhash, phash, boxes, weak=weak)


def _words(pixels: bytes | None) -> npt.NDArray[np.uint64]:
    """A hash of pixels as four numbers, of which all are zero where there is none."""
    return np.frombuffer(pixels or _NO_PIXELS, np.uint64)


def against(blocked: Fingerprint, asked: Fingerprint, policy: Policy) -> Hit | None:
    """How the second picture would be found if the first were blocked; None if it would not be a candidate."""
    entry = Matcher(ScanEngine)
    entry.put([(0, replace(blocked, views=blocked_views(blocked)))], weak_by_hash=False)
    hits = entry.near(asked, policy)
    return verified(hits[0], blocked, asked) if hits else None
