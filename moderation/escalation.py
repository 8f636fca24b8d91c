"""Pictures that may be against the law: taken from every grid at once, and kept apart for entrusted people alone."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from . import audit, blocklist
from .accounts import is_entrusted
from .audit import Event
from .blocklist import unpack
from .columns import now
from .database import db, writing
from .decisions import PURGED, bring_back, decide, move
from .errors import Conflict, NotFound, Refusal
from .judging import allowed
from .models import Decision, Entry, Kind, Picture, Status
from .parts import Parts
from .replica import BLOCKLIST, PICTURES, bump
from .review import INDECENT, disallow, undo
from .sweeping import sweep
from .uploads import never_shown, publish, publish_all


def escalate(parts: Parts, picture_id: int, by_id: int, reason: str) -> Decision:
    """Keep a picture apart, whatever state it is in, with every copy there is and every one that comes."""
    with writing():
        bump(BLOCKLIST)
        version = bump(PICTURES)
        picture = db.session.get(Picture, picture_id)
        if picture is None:
            raise NotFound("There is no such picture.")
        if picture.purged:
            raise Conflict(PURGED)
        if picture.status is Status.ESCALATED:
            raise Conflict("This picture is escalated already.")
        decision = decide(Kind.ESCALATE, by_id, reason, lease=now() + parts.lease)
        if picture.fingerprint:
            blocklist.add(picture.fingerprint, decision, picture_id=picture.id)
        move(picture, Status.ESCALATED, decision, version)
        db.session.flush()
        decision_id = decision.id
    sweep(parts, decision_id)
    return db.session.get_one(Decision, decision_id)


def waiting(limit: int) -> Sequence[Picture]:
    """What is kept apart, the latest first."""
    apart = sa.select(Picture).filter_by(status=Status.ESCALATED)
    people = joinedload(Picture.member), joinedload(Picture.decision).joinedload(Decision.by)
    return db.session.scalars(apart.options(*people).order_by(Picture.id.desc()).limit(limit)).all()


def number_waiting() -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(Picture).filter_by(status=Status.ESCALATED)) or 0


def release_as_fine(parts: Parts, picture_id: int, by_id: int) -> Decision:
    """It is fine. The one that was escalated brings back all that was kept apart with it; a copy comes back alone."""
    picture = _apart(picture_id, by_id)
    if picture.decision_id and _own_entries(picture):
        return undo(parts, picture.decision_id, by_id, Event.RELEASE)
    with writing():
        version = bump(PICTURES)
        decision = decide(Kind.APPROVE, by_id, "", event=Event.RELEASE)
        bring_back(parts, [_apart(picture_id, by_id)], decision, version)
        db.session.flush()
        decision_id = decision.id
    publish(parts, picture_id)
    return db.session.get_one(Decision, decision_id)


def release_as_indecent(parts: Parts, picture_id: int, by_id: int) -> Decision:
    """It is indecent and no more: from now on like any other marked picture, and so is what was kept apart with it.

    As with a mark, a known-good picture that is the same is known good no more.
    """
    with writing():
        bump(BLOCKLIST)
        version = bump(PICTURES)
        picture = _apart(picture_id, by_id)
        decision = decide(Kind.MARK, by_id, INDECENT, lease=now() + parts.lease, event=Event.RELEASE)
        own = _own_entries(picture)
        apart = sa.select(Picture).where(Picture.id != picture_id, Picture.status == Status.ESCALATED)
        copies = db.session.scalars(apart.where(Picture.decision_id.in_([entry.decision_id for entry in own]))).all()
        new = blocklist.add(picture.fingerprint, decision, picture_id=picture.id) if picture.fingerprint else None
        db.session.flush()
        for entry in own:
            blocklist.withdraw(entry, decision)
        move(picture, never_shown(picture), decision, version)
        for copy in copies:
            move(copy, never_shown(copy), decision, version, new.id if new else None)
        if copies:
            audit.record(Event.SWEEP, None, of=decision.id, pictures=[copy.id for copy in copies])
        known = allowed(parts, unpack(picture.fingerprint)) if picture.fingerprint else ()
        waiting = disallow(parts, known, decision, version)
        decision_id = decision.id
    sweep(parts, decision_id)
    publish_all(parts, waiting)
    return db.session.get_one(Decision, decision_id)


def _own_entries(picture: Picture) -> Sequence[Entry]:
    """The entries that its own escalation made and that block still."""
    own = sa.select(Entry).filter_by(picture_id=picture.id, withdrawn=None).join(Entry.decision)
    return db.session.scalars(own.where(Decision.kind == Kind.ESCALATE)).all()


def _apart(picture_id: int, by_id: int) -> Picture:
    if not is_entrusted(by_id):
        raise Refusal("Only the people entrusted with escalated pictures can release this one.")
    picture = db.session.get(Picture, picture_id)
    if picture is None:
        raise NotFound("There is no such picture.")
    if picture.status is not Status.ESCALATED:
        raise Conflict("This picture is not escalated any more.")
    return picture
