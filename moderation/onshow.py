"""The pictures that are or may come on show, and those that are down: this process's copies of their codes."""

from collections.abc import Collection, Iterable, Iterator
from typing import cast

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from .database import db, portions
from .fingerprint import Fingerprint, unpack_views
from .index import ScanEngine
from .matcher import Matcher, Outdated
from .matching import Hit, Policy
from .models import DOWN, SWEPT, FingerprintRow, Picture, Status
from .replica import PICTURES, Change, Replica
from .views import ASKED_KINDS

_PICTURES, _PRINTS = (cast(sa.Table, model.__table__).c for model in (Picture, FingerprintRow))
_VIEWS = sa.select(_PICTURES.id, _PRINTS.views, _PRINTS.recipe).where(
    _PICTURES.fingerprint_id == _PRINTS.id, _PICTURES.id.in_(sa.bindparam("ids", type_=sa.Integer, expanding=True))
)


class OnShow(Replica):
    """Scanned whole: an entry asks a few times a minute, and pictures come and go far more often.

    Of a million pictures, what finds them is kept alone: the rest of a view, 36 of its 45 bytes, is read where one is
    found.
    """

    counter = PICTURES
    weak_by_hash = True
    states: Collection[Status] = SWEPT

    def __init__(self) -> None:
        super().__init__(lambda: Matcher(ScanEngine, ASKED_KINDS, known_are_uploads=True, read=_views))

    def near(self, asked: Fingerprint, policy: Policy, by_hash: bool = True, direct: bool = False) -> list[Hit]:
        while True:
            try:
                return super().near(asked, policy, by_hash, direct)
            except Outdated as changed:  # since that look; each time some become what they are by now
                self._read_anew(changed.ids)

    def _read_anew(self, ids: Collection[int]) -> None:
        """Have the copy know these pictures as they are committed, whatever version of the list that is."""
        with self._lock, db.engine.connect() as connection:
            for some in portions(list(ids)):
                there = {change.id: change for change in _as_changes(connection, Picture.id.in_(some), self.states)}
                self._apply(there.get(id_, Change(id_, None)) for id_ in some)

    def _changes(self, connection: sa.Connection, after: int, upto: int) -> Iterable[Change]:
        changed = sa.and_(Picture.version > after, Picture.version <= upto)
        if after < 0:  # there is nothing yet that could have gone
            changed &= Picture.status.in_(self.states)
        return _as_changes(connection, changed, self.states)


def _as_changes(
    connection: sa.Connection, which: sa.ColumnElement[bool], states: Collection[Status]
) -> Iterator[Change]:
    row = FingerprintRow
    pictures = sa.select(Picture.id, Picture.status, row.views, row.detail, row.pixels, row.recipe)
    pictures = pictures.outerjoin(row, Picture.fingerprint_id == row.id).where(which)
    for id_, status, views, detail, pixels, recipe in connection.execute(pictures):
        there = status in states and views is not None  # not so when it is purged, or could not be fingerprinted
        yield Change(id_, Fingerprint.unpack(views, detail, pixels, recipe) if there else None)


def _views(ids: Collection[int]) -> dict[int, npt.NDArray[np.void]]:
    """The views of those pictures, as they are committed."""
    with db.engine.connect() as connection:
        rows = (row for some in portions(list(ids)) for row in connection.execute(_VIEWS, {"ids": some}))
        return {id_: unpack_views(views, recipe) for id_, views, recipe in rows}


class Down(OnShow):
    """What was refused or taken down, which only the reverse image search asks for: read when it first does."""

    states = DOWN
