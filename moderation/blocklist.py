"""The blocked pictures: add, withdraw, restore, match."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from .columns import now
from .database import db
from .fingerprint import RECIPE, Fingerprint, blocked_views, unpack_views
from .index import Engine
from .matching import Matcher
from .models import Decision, Entry, FingerprintRow
from .replica import BLOCKLIST, Change, Replica, bump
from .views import BLOCKED_KINDS


class Blocklist(Replica):
    """This process's copy of the entries that are not withdrawn."""

    counter = BLOCKLIST
    # A weak entry would match every blank wall.
    weak_by_hash = False

    def __init__(self, engine: type[Engine]) -> None:
        super().__init__(lambda: Matcher(engine, BLOCKED_KINDS))

    def _changes(self, connection: sa.Connection, after: int, upto: int) -> Iterable[Change]:
        row = FingerprintRow
        changed = (
            sa.select(Entry.id, Entry.withdrawn, Entry.views, row.views, row.detail, row.pixels, row.recipe)
            .join(row, Entry.fingerprint_id == row.id)
            .where(Entry.version > after, Entry.version <= upto)
        )
        for id_, withdrawn, own, views, detail, pixels, recipe in connection.execute(changed):
            known_by = (views, recipe) if own is None else (own, RECIPE)
            yield Change(id_, None if withdrawn else Fingerprint(unpack_views(*known_by), detail, None, pixels))


def add(
    fingerprint: FingerprintRow, decision: Decision, picture_id: int | None = None, source: str | None = None
) -> Entry:
    """Block what has that fingerprint, as part of a decision."""
    entry = Entry(
        fingerprint=fingerprint,
        decision=decision,
        picture_id=picture_id,
        source=source,
        views=blocked_views(unpack(fingerprint)).tobytes(),
        version=bump(BLOCKLIST),
    )
    db.session.add(entry)
    return entry


def withdraw(entry: Entry, withdrawal: Decision | None = None) -> None:
    """Block no more; what the entry took down stays down."""
    entry.withdrawn = now()
    entry.withdrawal_id = withdrawal.id if withdrawal else None
    entry.version = bump(BLOCKLIST)


def restore(entry: Entry) -> None:
    """Block again. Pictures that came on show meanwhile are the caller's to sweep."""
    entry.withdrawn = None
    entry.version = bump(BLOCKLIST)


def pack(print_: Fingerprint) -> FingerprintRow:
    """The row that a fingerprint is stored as."""
    return FingerprintRow(**columns(print_))


def columns(print_: Fingerprint) -> dict[str, Any]:
    """What is in that row, by column."""
    if print_.luminance is None:
        raise ValueError("A fingerprint is stored with its luminance.")
    return {
        "recipe": print_.recipe,
        "views": print_.views.tobytes(),
        "detail": print_.detail,
        "aspect": print_.aspect,
        "luminance": print_.luminance.tobytes(),
        "pixels": print_.pixels,
    }


def unpack(row: FingerprintRow) -> Fingerprint:
    return Fingerprint.unpack(row.views, row.detail, row.pixels, row.recipe, row.aspect, row.luminance)


def known_by(entry: Entry) -> Fingerprint:
    """The fingerprint with the views that the entry is known by."""
    print_ = unpack(entry.fingerprint)
    return print_ if entry.views is None else replace(print_, views=unpack_views(entry.views, RECIPE))


def known(pixels: bytes) -> Entry | None:
    """The entry of a picture with exactly these canonical pixels: one that blocks, else one that was withdrawn.

    An entry whose decision was taken back never was.
    """
    same = sa.select(Entry).join(Entry.fingerprint).where(FingerprintRow.pixels == pixels)
    standing = same.join(Entry.decision).where(Decision.undone.is_(None))
    return db.session.scalars(standing.order_by(Entry.withdrawn.is_not(None), Entry.id)).first()
