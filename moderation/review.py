"""What moderators do: mark, approve, withdraw, restore, import, undo."""

from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import PurePath

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from . import audit, blocklist, known_good
from .audit import Event
from .blocklist import unpack
from .columns import now
from .database import db, in_parts, writing
from .decisions import (
    Undoing,
    approvable,
    bring_back,
    decide,
    markable,
    may_release,
    move,
    name_of,
    take_back,
    told_at,
)
from .errors import Conflict, NotFound, Refusal
from .fingerprint import Fingerprint
from .judging import allowed, known_good_near
from .models import Action, Decision, Entry, Exemption, Kind, KnownGood, Picture
from .parts import Parts
from .replica import BLOCKLIST, PICTURES, bump
from .sweeping import sweep, swept
from .uploads import never_shown, publish_all, recheck

INDECENT = "Nudity or sexual content"
"""The reason given where the moderator gives none."""


def mark(
    parts: Parts,
    picture_id: int,
    by_id: int,
    seen: int | None,
    reason: str = INDECENT,
    spare: Collection[int] = (),
    note: str = "",
) -> Decision:
    """This picture is indecent: block its fingerprint, take it down, and every near copy with it.

    `seen` is the decision that the moderator saw standing on the picture, None where there was none. `spare` are
    pictures that the moderator has looked at and that are not copies: the entry is never held against them. If it is
    the same as a known-good picture, that one is known good no more. When this has returned, no near copy is on show,
    save known-good ones. Raises `Conflict` if somebody was faster.
    """
    with writing():
        bump(BLOCKLIST)
        version = bump(PICTURES)
        picture = markable(picture_id, seen)
        decision = decide(Kind.MARK, by_id, reason, lease=now() + parts.lease, note=note)
        assert picture.fingerprint is not None
        entry = blocklist.add(picture.fingerprint, decision, picture_id=picture.id)
        move(picture, never_shown(picture), decision, version)
        waiting = disallow(parts, allowed(parts, unpack(picture.fingerprint)), decision, version)
        spared = in_parts(sa.select(Picture.id), Picture.id, sorted(set(spare) - {picture_id}))
        db.session.add_all(Exemption(picture_id=id_, entry_id=entry.id, decision_id=decision.id) for (id_,) in spared)
        decision_id = decision.id
    sweep(parts, decision_id)
    publish_all(parts, waiting)
    return db.session.get_one(Decision, decision_id)


def disallow(parts: Parts, known: Iterable[int], removal: Decision, version: int) -> set[int]:
    """These are known good no more, by a decision; which pictures have to go through `publish` for it."""
    db.session.flush()
    waiting: set[int] = set()
    for id_ in known:
        row = db.session.get_one(KnownGood, id_)
        known_good.remove(row, removal)
        waiting |= recheck(parts, unpack(row.fingerprint), version)
    return waiting


def approve(
    parts: Parts, picture_id: int, by_id: int, seen: int | None, copies: Collection[int] = (), note: str = ""
) -> Decision:
    """This picture is fine, and so are its copies that nobody has decided on yet.

    What was held or taken down as a near copy comes on show, unless another entry covers it. The entries that it
    came near to are never held against it again. Raises `Conflict` if somebody was faster.
    """
    with writing():
        version = bump(PICTURES)
        picture = approvable(picture_id, seen)
        decision = decide(Kind.APPROVE, by_id, "", note=note)
        waiting = bring_back(parts, [picture, *_undecided(set(copies) - {picture_id})], decision, version)
        db.session.flush()
        decision_id = decision.id
    publish_all(parts, waiting)
    return db.session.get_one(Decision, decision_id)


def approve_all(parts: Parts, picture_ids: Iterable[int], by_id: int) -> Decision:
    """These pictures, undecided until now, are fine: one decision, which is taken back at once.

    What somebody has decided meanwhile is left out. Raises `Conflict` if that leaves none.
    """
    with writing():
        version = bump(PICTURES)
        decision = decide(Kind.APPROVE, by_id, "")
        found = _undecided(set(picture_ids))
        if not found:
            raise Conflict("Nothing is left to approve: somebody has decided on all of these.")
        waiting = bring_back(parts, found, decision, version)
        db.session.flush()
        decision_id = decision.id
    del found  # thousands, perhaps, which each transaction that comes would look through
    publish_all(parts, waiting)
    return db.session.get_one(Decision, decision_id)


def _undecided(ids: Collection[int]) -> list[Picture]:
    """Those of these pictures that can be approved and on which nobody has decided."""
    found = []
    for (picture,) in in_parts(sa.select(Picture).order_by(Picture.id), Picture.id, sorted(ids)):
        with suppress(Refusal):
            found.append(approvable(picture.id, seen=None))
    return found


def withdraw(entry_id: int, by_id: int | None, reason: str = "") -> Decision:
    """This entry blocks no more. What it took down stays down; the edge commits."""
    bump(BLOCKLIST)
    entry = db.session.get(Entry, entry_id)
    if entry is None:
        raise NotFound(f"There is no blocklist entry {entry_id}.")
    if entry.withdrawn:
        raise Conflict(f"Entry {entry_id} is withdrawn already.")
    may_release(entry.decision, by_id)
    decision = decide(Kind.WITHDRAW, by_id, reason)
    db.session.flush()
    blocklist.withdraw(entry, decision)
    return decision


def restore(parts: Parts, entry_id: int, by_id: int | None) -> int:
    """This entry blocks again, and what came on show near it meanwhile is swept; how many that took down.

    Where somebody withdrew it, that is taken back. Where appeals suspended it, it is restored alone: they stay won,
    and what came back by them stays on show. The sweep belongs to the decision that made the entry.
    """
    with writing():
        bump(BLOCKLIST)
        entry = db.session.get(Entry, entry_id)
        if entry is None:
            raise NotFound(f"There is no blocklist entry {entry_id}.")
        withdrawal = entry.withdrawal
        if not entry.withdrawn:
            raise Conflict(f"Entry {entry_id} blocks already.")
        if withdrawal is None or entry.decision.undone:
            raise Conflict(f"Entry {entry_id} was taken back with the decision that made it. Mark the picture again.")
        if not entry.restorable:
            raise Conflict(f"Entry {entry_id} went when its picture was released. Escalate the picture again.")
        blocklist.restore(entry)
        withdrawal.lease = now() + parts.lease  # by which it is swept, though what that takes down is the entry's
        if withdrawal.kind is Kind.WITHDRAW:
            withdrawal.undone, withdrawal.undone_by_id = now(), by_id
            audit.record(Event.RESTORE, by_id, decision=withdrawal)
        else:
            audit.record(Event.RESTORE, by_id, entry=entry)
        withdrawal_id, before = withdrawal.id, swept(entry.decision).taken_down
    sweep(parts, withdrawal_id)
    return swept(db.session.get_one(Entry, entry_id).decision).taken_down - before


def import_entries(
    parts: Parts, pictures: Iterable[tuple[str, Fingerprint]], by_id: int | None, reason: str
) -> tuple[Decision | None, dict[str, Entry]]:
    """These pictures, each with its file's name, are indecent: one decision, swept like a mark.

    Each fingerprint has the hash of its pixels. Returns the decision, None if nothing was new, and by name the
    entries, withdrawn ones too, of pictures that had one before: nothing was added for those.
    """
    # Before anybody has to wait for us.
    fingerprinted = list(pictures)
    prints = [print_ for _, print_ in fingerprinted]
    there = blocklist.known(prints)
    views = [None if print_.pixels in there else blocklist.packed_views(print_) for print_ in prints]
    with writing():
        version = bump(BLOCKLIST)
        there = blocklist.known(prints)
        new: dict[bytes | None, blocklist.Addition] = {}
        again: list[tuple[str, Fingerprint]] = []
        for (name, print_), packed in zip(fingerprinted, views, strict=True):
            if print_.pixels in there or print_.pixels in new:
                again.append((name, print_))
            else:
                if packed is None:  # its entry was taken back meanwhile
                    packed = blocklist.packed_views(print_)
                new[print_.pixels] = blocklist.Addition(print_, packed, PurePath(name).name)
        decision_id = None
        if new:
            decision = decide(Kind.IMPORT, by_id, reason, lease=now() + parts.lease)
            db.session.flush()
            blocklist.add_all(new.values(), decision, version)
            decision_id = decision.id
        entries = blocklist.known(print_ for _, print_ in again)
        known = {name: entries[print_.pixels] for name, print_ in again}
    if decision_id is None:
        return None, known
    sweep(parts, decision_id)
    return db.session.get_one(Decision, decision_id), known


def undo(parts: Parts, decision_id: int, by_id: int | None, event: Event = Event.UNDO) -> Decision:
    """Take back all that a decision did. What another entry covers, or somebody decided since, stays as it is.

    Raises `Conflict` if it has been taken back before.
    """
    with writing():
        of_entries = bump(BLOCKLIST)
        version = bump(PICTURES)
        decision = db.session.get(Decision, decision_id)
        if decision is None:
            raise NotFound(f"There is no decision {decision_id}.")
        if decision.undone:
            raise Conflict(f"{name_of(decision.undone_by)} has taken this back already, {told_at(decision.undone)}.")
        may_release(decision, by_id)
        decision.undone, decision.undone_by_id, decision.lease = now(), by_id, None
        audit.record(event, by_id, decision=decision)
        for entry in decision.entries:
            if not entry.withdrawn:
                blocklist.withdraw(entry, version=of_entries)
        for entry in decision.withdrawals:
            if not entry.decision.undone:
                blocklist.restore(entry)
                decision.lease = now() + parts.lease  # what came on show meanwhile is swept below
        db.session.execute(sa.delete(Exemption).filter_by(decision_id=decision_id))
        # Last things first: a picture may have been held, and then taken down, by the same decision.
        actions = sa.select(Action).filter_by(decision_id=decision_id).order_by(Action.id.desc())
        with db.session.no_autoflush:  # there may be thousands, and they are written together
            latest = db.session.scalars(actions.options(joinedload(Action.picture)))
            undoing = Undoing(decision_id)
            for action in latest:
                take_back(parts, action, undoing, version)
        waiting = undoing.waiting
        for known in db.session.scalars(sa.select(KnownGood).filter_by(removal_id=decision_id)):
            if known.decision is None or known.decision.undone is None:
                known_good.restore(known)
        added = sa.select(KnownGood.id).filter_by(decision_id=decision_id, removed=None)
        waiting |= disallow(parts, db.session.scalars(added).all(), decision, version)
    publish_all(parts, waiting)
    sweep(parts, decision_id)
    return db.session.get_one(Decision, decision_id)


def known_good_beside(parts: Parts, decision: Decision) -> int:
    """How many known-good pictures the entries of a decision would hit, were those not allowed."""
    if not len(parts.known_good):
        return 0
    return len(set[int]().union(*(known_good_near(parts, blocklist.known_by(entry)) for entry in decision.entries)))
