"""The blocked pictures: add, withdraw, restore, match."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from .columns import now
from .database import db, in_parts
from .fingerprint import RECIPE, Fingerprint, blocked_views, unpack_views
from .index import Engine
from .matcher import Matcher
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
        views=packed_views(unpack(fingerprint)),
        version=bump(BLOCKLIST),
    )
    db.session.add(entry)
    return entry


@dataclass(frozen=True)
class Addition:
    """A picture to be blocked, told from the others by the hash of its pixels."""

    print: Fingerprint
    views: bytes  # packed, those that its entry is known by
    source: str


def add_all(additions: Collection[Addition], decision: Decision, version: int) -> None:
    """Block many at once, as part of a decision that has its id, in few statements: others wait for them."""
    kept = [columns(one.print) for one in additions]
    stored = sa.insert(FingerprintRow).returning(FingerprintRow.pixels, FingerprintRow.id)
    added = db.session.execute(stored, kept)
    ids = {row[0]: row[1] for row in added}
    entries = [
        {
            "fingerprint_id": ids[one.print.pixels],
            "decision_id": decision.id,
            "source": one.source,
            "views": one.views,
            "version": version,
        }
        for one in additions
    ]
    db.session.execute(sa.insert(Entry), entries)


def packed_views(print_: Fingerprint) -> bytes:
    """The views that an entry with that fingerprint is known by, as they are stored."""
    return blocked_views(print_).tobytes()


def withdraw(entry: Entry, withdrawal: Decision | None = None, version: int | None = None) -> None:
    """Block no more; what the entry took down stays down. Who withdraws many brings the version that they share."""
    entry.withdrawn = now()
    entry.withdrawal_id = withdrawal.id if withdrawal else None
    entry.version = version or bump(BLOCKLIST)


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


def known(prints: Iterable[Fingerprint]) -> dict[bytes | None, Entry]:
    """By their canonical pixels, the entries of pictures with exactly these: one that blocks, else one withdrawn.

    An entry whose decision was taken back never was.
    """
    pixels = sorted({print_.pixels for print_ in prints if print_.pixels})
    same = sa.select(FingerprintRow.pixels, Entry).join(Entry.fingerprint).join(Entry.decision)
    standing = same.where(Decision.undone.is_(None)).order_by(Entry.withdrawn.is_not(None), Entry.id)
    found: dict[bytes | None, Entry] = {}
    for hash_, entry in in_parts(standing, FingerprintRow.pixels, pixels):
        found.setdefault(hash_, entry)
    return found
