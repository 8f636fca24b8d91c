"""Ids by code within a Hamming distance: the engines behind one interface of two methods."""

from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from pybktree import BKTree

Codes = npt.NDArray[np.uint64]
Ids = npt.NDArray[np.int64]
Distances = npt.NDArray[np.int64]
Scalar = TypeVar("Scalar", bound=np.generic)

LARGE = 1 << 16
"""Bytes from which on a column lies in memory of its own."""


class Engine(Protocol):
    """An exact index of 64-bit codes. Codes may repeat, and nothing is ever removed: tombstones are the caller's."""

    def extend(self, codes: Codes, ids: Ids) -> None:
        """Add codes, each with the id to answer for it; both of shape (n,)."""

    def near(self, code: int, within: int) -> tuple[Ids, Distances]:
        """The ids of all codes that differ from `code` in at most `within` bits, and by how many, in any order."""

    def near_all(self, codes: Codes, within: int) -> tuple[Ids, Ids, Distances]:
        """The same for several codes: places in `codes`, ids and distances, in any order."""


class OneByOne:
    """Answers for several codes by asking for each."""

    def near_all(self: Engine, codes: Codes, within: int) -> tuple[Ids, Ids, Distances]:
        found = [self.near(code, within) for code in codes.tolist()]
        places = np.repeat(np.arange(len(found)), [len(ids) for ids, _ in found])
        nothing = np.empty(0, np.int64)
        return (
            places,
            np.concatenate([nothing, *(ids for ids, _ in found)]),
            np.concatenate([nothing, *(distances for _, distances in found)]),
        )


class BKTreeEngine(OneByOne):
    """pybktree's Burkhard-Keller tree (Burkhard and Keller, CACM 16(4), 1973): superb at hundreds of codes."""

    def __init__(self) -> None:
        self._tree = BKTree(lambda a, b: (a ^ b).bit_count())
        self._ids: dict[int, list[int]] = {}

    def extend(self, codes: Codes, ids: Ids) -> None:
        for code, id_ in zip(codes.tolist(), ids.tolist(), strict=True):
            known = self._ids.setdefault(code, [])
            if not known:
                self._tree.add(code)
            known.append(id_)

    def near(self, code: int, within: int) -> tuple[Ids, Distances]:
        found = [(id_, bits) for bits, near in self._tree.find(code, within) for id_ in self._ids[near]]
        both = np.array(found, np.int64).reshape(-1, 2)
        return both[:, 0], both[:, 1]


class ScanEngine(OneByOne):
    """Every code compared, in chunks that fit the processor's cache: no lookup structure, so adding costs nothing."""

    CHUNK = 1 << 16

    def __init__(self) -> None:
        self._codes: Column[np.uint64] = Column(np.uint64)
        self._ids: Column[Any] = Column(np.uint32)  # half as large, while that will do

    def extend(self, codes: Codes, ids: Ids) -> None:
        self._codes.extend(codes)
        if self._ids.values.dtype == np.uint32 and (ids.astype(np.uint32) != ids).any():
            short, self._ids = self._ids, Column(np.int64)
            self._ids.extend(short.values)
        self._ids.extend(ids)

    def near(self, code: int, within: int) -> tuple[Ids, Distances]:
        codes, wanted = self._codes.values, np.uint64(code)
        places, bits = [], []
        for start in range(0, len(codes), self.CHUNK):
            apart = np.bitwise_count(codes[start : start + self.CHUNK] ^ wanted)
            hits = np.flatnonzero(apart <= within)
            places.append(hits + start)
            bits.append(apart[hits])
        if not places:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        return self._ids.values[np.concatenate(places)].astype(np.int64), np.concatenate(bits).astype(np.int64)


class Column(Generic[Scalar]):
    """An array that grows at its end at amortised constant cost. `values` is a view of shape (n, *shape)."""

    def __init__(self, dtype: type[Scalar], shape: tuple[int, ...] = ()) -> None:
        self._room: npt.NDArray[Scalar] = np.zeros((16, *shape), dtype)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def values(self) -> npt.NDArray[Scalar]:
        return self._room[: self._length]

    @property
    def nbytes(self) -> int:
        return self.values.nbytes

    def after(self, count: int) -> "Column[Scalar]":
        """A new one without the first so many values."""
        rest: Column[Scalar] = Column(self._room.dtype.type, self._room.shape[1:])
        rest.extend(self.values[count:])
        return rest

    def keep(self, places: npt.NDArray[np.int64]) -> None:
        """Only the values at those places."""
        kept = self.values[places]
        self._room, self._length = self._of(len(kept)), 0
        self.extend(kept)

    def extend(self, values: npt.NDArray[Scalar]) -> None:
        first = self._length
        self.reach(first + len(values))
        self._room[first : self._length] = values

    def reach(self, length: int) -> None:
        """At least so long, with zeros for what is not there yet."""
        if length > len(self._room):
            room = self._of(max(length, 2 * len(self._room)))
            room[: self._length] = self.values
            self._room = room
        self._length = max(length, self._length)

    def _of(self, count: int) -> npt.NDArray[Scalar]:
        """Room for so many values, all zero; what nothing has filled yet takes no memory.

        From the system, where it is much: in the heap, each time that it grows would leave a hole.
        """
        like, shape = self._room, (count, *self._room.shape[1:])
        if count * like[:1].nbytes < LARGE:
            return np.zeros(shape, like.dtype)
        pages = mmap(-1, count * like[:1].nbytes, MAP_PRIVATE | MAP_ANONYMOUS)
        return np.frombuffer(pages, like.dtype).reshape(shape)
