"""The pictures that are or may come on show: this process's copy of their codes, for the sweep."""

from collections.abc import Iterable

import sqlalchemy as sa

from .fingerprint import Fingerprint
from .index import ScanEngine
from .matching import Matcher
from .models import SWEPT, FingerprintRow, Picture
from .replica import PICTURES, Change, Replica


class OnShow(Replica):
    """Scanned whole: an entry asks a few times a minute, and pictures come and go far more often."""

    counter = PICTURES
    weak_by_hash = True

    def __init__(self) -> None:
        super().__init__(lambda: Matcher(ScanEngine(), further=ScanEngine(), known_are_uploads=True))

    def _changes(self, connection: sa.Connection, after: int, upto: int) -> Iterable[Change]:
        row = FingerprintRow
        changed = (
            sa.select(Picture.id, Picture.status, row.views, row.detail, row.pixels, row.recipe)
            .outerjoin(row, Picture.fingerprint_id == row.id)
            .where(Picture.version > after, Picture.version <= upto)
        )
        for id_, status, views, detail, pixels, recipe in connection.execute(changed):
            there = status in SWEPT and views is not None  # not so when it is purged, or could not be fingerprinted
            yield Change(id_, Fingerprint.unpack(views, detail, pixels, recipe) if there else None)
