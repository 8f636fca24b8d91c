"""The pictures that are or may come on show, and those that are down: this process's copies of their codes."""

from collections.abc import Collection, Iterable

import sqlalchemy as sa

from .fingerprint import Fingerprint
from .index import ScanEngine
from .matcher import Matcher
from .models import DOWN, SWEPT, FingerprintRow, Picture, Status
from .replica import PICTURES, Change, Replica
from .views import ASKED_KINDS


class OnShow(Replica):
    """Scanned whole: an entry asks a few times a minute, and pictures come and go far more often."""

    counter = PICTURES
    weak_by_hash = True
    states: Collection[Status] = SWEPT

    def __init__(self) -> None:
        super().__init__(lambda: Matcher(ScanEngine, ASKED_KINDS, known_are_uploads=True))

    def _changes(self, connection: sa.Connection, after: int, upto: int) -> Iterable[Change]:
        row = FingerprintRow
        changed = (
            sa.select(Picture.id, Picture.status, row.views, row.detail, row.pixels, row.recipe)
            .outerjoin(row, Picture.fingerprint_id == row.id)
            .where(Picture.version > after, Picture.version <= upto)
        )
        if after < 0:  # there is nothing yet that could have gone
            changed = changed.where(Picture.status.in_(self.states))
        for id_, status, views, detail, pixels, recipe in connection.execute(changed):
            there = (
                status in self.states and views is not None
            )  # not so when it is purged, or could not be fingerprinted
            yield Change(id_, Fingerprint.unpack(views, detail, pixels, recipe) if there else None)


class Down(OnShow):
    """What was refused or taken down, which only the reverse image search asks for: read when it first does."""

    states = DOWN
