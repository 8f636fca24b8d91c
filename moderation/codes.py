"""The whole-picture hashes of pictures that pages ask for again and again, kept in memory.

They never change, save that the pictures are others after a restored backup.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from .database import db
from .fingerprint import LOW_DETAIL, RECIPE
from .models import FingerprintRow, Picture
from .replica import PICTURES, Moment, moment
from .views import VIEW


@dataclass(frozen=True)
class Coded:
    """Pictures that have enough detail to be told by their hashes, and those hashes: (n,) and (n, 4) of 64 bits."""

    ids: list[int]
    dhash: npt.NDArray[np.uint64]
    phash: npt.NDArray[np.uint64]


class Codes:
    """By picture, its whole view, of so many at most. For any number of threads."""

    def __init__(self, most: int = 2_048) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._epoch = ""
        self._known: dict[int, bytes] = {}  # empty where there is too little detail
        self._latest: tuple[Moment, Coded] | None = None  # of the list

    def of(self, ids: Iterable[int]) -> Coded:
        """Of those pictures, in their order; weak ones and those without a fingerprint are left out."""
        wanted = list(ids)
        epoch = moment(PICTURES).epoch
        with self._lock:
            if epoch != self._epoch:
                self._epoch, self._known = epoch, {}
            missing = [id_ for id_ in wanted if id_ not in self._known]
            if missing:
                self._read(missing)
            found = [(id_, self._known.get(id_)) for id_ in wanted]
        coded = [(id_, view) for id_, view in found if view]
        views = np.frombuffer(b"".join(view for _, view in coded), VIEW)
        return Coded([id_ for id_, _ in coded], views["dhash"], views["phash"])

    def at(self, when: Moment, ids: Callable[[], Iterable[int]]) -> Coded:
        """Of pictures that change with the list alone: all open grids ask for the same ones at the same moment."""
        latest = self._latest
        if latest is None or latest[0] != when:
            latest = self._latest = when, self.of(ids())
        return latest[1]

    def _read(self, ids: list[int]) -> None:
        if len(self._known) + len(ids) > self._most:
            self._known.clear()
        row = FingerprintRow
        whole = sa.func.substr(row.views, 1, VIEW.itemsize, type_=sa.LargeBinary)
        found = sa.select(Picture.id, sa.case((row.detail >= LOW_DETAIL, whole), else_=b""))
        found = found.join(row, Picture.fingerprint_id == row.id).where(row.recipe == RECIPE, Picture.id.in_(ids))
        self._known.update((id_, bytes(view)) for id_, view in db.session.execute(found))
