"""The known-good list, as admins keep it: add a picture or a file, remove, see what each let pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from . import audit, known_good
from .audit import Event
from .blocklist import pack, unpack
from .database import db, writing
from .errors import Conflict, NotFound, Refusal
from .fingerprint import Fingerprint, fingerprint
from .judging import allowed, judge
from .models import Check, FingerprintRow, KnownGood, Picture, Status
from .parts import Parts
from .replica import BLOCKLIST, PICTURES, bump
from .uploads import publish_all, recheck


@dataclass(frozen=True)
class Added:
    """A known-good picture, and the blocklist entry that would stop it, if one would."""

    known: KnownGood
    entry_id: int | None


@dataclass(frozen=True)
class Listed:
    """A known-good picture, and the uploads that only it let pass."""

    known: KnownGood
    passed: int
    last: datetime | None


def add_file(parts: Parts, data: bytes, name: str, note: str, by_id: int) -> Added:
    """Allow a picture file. Raises `Refusal` if it is no picture that is accepted, or is on the list."""
    print_ = fingerprint(parts.decoder.pixels(data))
    return _add(parts, print_, pack(print_), note, by_id, source=name)


def add_picture(parts: Parts, picture_id: int, note: str, by_id: int) -> Added:
    """Allow a member's picture from now on; where it is now, it stays."""
    picture = db.session.get(Picture, picture_id)
    if picture is None:
        raise NotFound("There is no such picture.")
    if picture.status is Status.ESCALATED:
        raise Refusal("This picture is escalated: it has to be released before it can be known good.")
    if picture.fingerprint is None:
        raise Refusal("This picture could not be fingerprinted, so copies of it cannot be told.")
    return _add(parts, unpack(picture.fingerprint), picture.fingerprint, note, by_id, picture_id=picture_id)


def remove(parts: Parts, known_id: int, by_id: int) -> None:
    """Allow no more, and compare anew what is on show because of it."""
    with writing():
        bump(BLOCKLIST)
        version = bump(PICTURES)
        known = db.session.get(KnownGood, known_id)
        if known is None:
            raise NotFound(f"There is no known-good picture {known_id}.")
        if known.removed:
            raise Conflict(f"Known-good picture {known_id} is removed already.")
        known_good.remove(known)
        audit.record(Event.DISALLOW, by_id, known_good=known)
        db.session.flush()
        waiting = recheck(parts, unpack(known.fingerprint), version)
    publish_all(parts, waiting)


def listed(limit: int) -> Sequence[Listed]:
    """The list, the latest first."""
    people = joinedload(KnownGood.by), joinedload(KnownGood.fingerprint).load_only(FingerprintRow.detail)
    wanted = sa.select(KnownGood).filter_by(removed=None).options(*people).order_by(KnownGood.id.desc()).limit(limit)
    found = db.session.scalars(wanted).all()
    passed = sa.select(Check.known_good_id, sa.func.count(sa.distinct(Check.picture_id)), sa.func.max(Check.created))
    passed = passed.where(Check.known_good_id.in_([one.id for one in found])).group_by(Check.known_good_id)
    by_id: dict[int | None, tuple[int, datetime | None]] = {
        row[0]: (row[1], row[2]) for row in db.session.execute(passed)
    }
    return [Listed(one, *by_id.get(one.id, (0, None))) for one in found]


def _add(
    parts: Parts,
    print_: Fingerprint,
    row: FingerprintRow,
    note: str,
    by_id: int,
    picture_id: int | None = None,
    source: str | None = None,
) -> Added:
    if allowed(parts, print_):
        raise Conflict("This picture is on the known-good list already.")
    gravest = judge(parts, print_).gravest
    with writing():
        known = known_good.add(row, note, by_id, picture_id, source)
        audit.record(Event.ALLOW, by_id, known_good=known, picture=picture_id)
        db.session.flush()
        known_id = known.id
    return Added(db.session.get_one(KnownGood, known_id), gravest.id if gravest else None)
