"""The engines by the names that the setting INDEX_ENGINE knows."""

import numpy as np

from .index import BKTreeEngine, Codes, Column, Distances, Engine, Ids
from .multi_index import MultiIndexEngine

FEW = 2_000
"""Up to so many codes, a BK-tree answers."""


class AutoEngine:
    """A BK-tree as long as there are few codes, then the multi-index engine, whose tail takes them over at once."""

    def __init__(self, few: int = FEW) -> None:
        self._few = few
        self._engine: Engine = BKTreeEngine()
        self._codes: Column[np.uint64] = Column(np.uint64)
        self._ids: Column[np.int64] = Column(np.int64)

    def extend(self, codes: Codes, ids: Ids) -> None:
        if isinstance(self._engine, BKTreeEngine):
            if len(self._codes) + len(codes) > self._few:
                codes, ids = np.concatenate([self._codes.values, codes]), np.concatenate([self._ids.values, ids])
                # What the tree was made of is let go of: it would lie there for good.
                self._engine, self._codes, self._ids = MultiIndexEngine(), Column(np.uint64), Column(np.int64)
            else:
                self._codes.extend(codes)
                self._ids.extend(ids)
        self._engine.extend(codes, ids)

    def near(self, code: int, within: int) -> tuple[Ids, Distances]:
        return self._engine.near(code, within)

    def near_all(self, codes: Codes, within: int) -> tuple[Ids, Ids, Distances]:
        return self._engine.near_all(codes, within)


ENGINES: dict[str, type[Engine]] = {"auto": AutoEngine, "bktree": BKTreeEngine, "multi": MultiIndexEngine}
