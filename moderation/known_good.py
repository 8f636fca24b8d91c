"""The known-good pictures: never refused or held, such as the avatars that a site gives to everybody."""

from collections.abc import Iterable

import sqlalchemy as sa

from .columns import now
from .database import db
from .fingerprint import Fingerprint
from .index import ScanEngine
from .matcher import Matcher
from .models import Decision, FingerprintRow, KnownGood
from .replica import KNOWN_GOOD, Change, Replica, bump


class KnownGoodList(Replica):
    """This process's copy of the known-good pictures that are not removed; asked with a picture, or with an entry."""

    counter = KNOWN_GOOD
    weak_by_hash = True

    def __init__(self) -> None:
        super().__init__(lambda: Matcher(ScanEngine, known_are_uploads=True))

    def _changes(self, connection: sa.Connection, after: int, upto: int) -> Iterable[Change]:
        row = FingerprintRow
        changed = (
            sa.select(KnownGood.id, KnownGood.removed, row.views, row.detail, row.pixels, row.recipe)
            .join(row, KnownGood.fingerprint_id == row.id)
            .where(KnownGood.version > after, KnownGood.version <= upto)
        )
        for id_, removed, views, detail, pixels, recipe in connection.execute(changed):
            yield Change(id_, None if removed else Fingerprint.unpack(views, detail, pixels, recipe))


def add(
    fingerprint: FingerprintRow,
    note: str,
    by_id: int | None = None,
    picture_id: int | None = None,
    source: str | None = None,
    decision: Decision | None = None,
) -> KnownGood:
    """Allow what has that fingerprint; as part of a decision, if one is given."""
    known = KnownGood(
        fingerprint=fingerprint,
        note=note,
        by_id=by_id,
        picture_id=picture_id,
        source=source,
        decision=decision,
        version=bump(KNOWN_GOOD),
    )
    db.session.add(known)
    return known


def remove(known: KnownGood, removal: Decision | None = None) -> None:
    """Allow no more. Pictures that are on show because of it are the caller's to check anew."""
    known.removed = now()
    known.removal_id = removal.id if removal else None
    known.version = bump(KNOWN_GOOD)


def restore(known: KnownGood) -> None:
    known.removed = known.removal_id = None
    known.version = bump(KNOWN_GOOD)
