"""What moderators do: mark, approve, undo; the sweep that a mark brings about; work that a crash left behind."""

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath

import sqlalchemy as sa

from . import accounts, audit, blocklist, known_good
from .audit import Event
from .blocklist import unpack
from .columns import now
from .database import db, writing
from .errors import Conflict, NotFound, Refusal, TooLong
from .fingerprint import Fingerprint
from .judging import AT_ONCE, allowed, copies, known_good_near
from .matching import Verdict
from .models import (
    DOWN,
    SWEPT,
    Action,
    Decision,
    Entry,
    Exemption,
    Kind,
    KnownGood,
    Match,
    Picture,
    Status,
)
from .parts import Parts
from .replica import BLOCKLIST, PICTURES, bump
from .uploads import exempt_from, get, never_shown, publish, recheck

log = logging.getLogger(__name__)

INDECENT = "Nudity or sexual content"
"""The reason given where the moderator gives none."""

REASON_LENGTH = 200
NOTE_LENGTH = 500
"""Characters at most."""

PURGED = "The file of this picture is deleted: nothing can be decided on it any more."

MARKABLE = (Status.PUBLISHED, Status.HELD, Status.REPLACED)


@dataclass(frozen=True)
class Sweep:
    """How many other pictures a decision took down, left for a moderator to look at, and keeps apart."""

    taken_down: int
    held: int
    escalated: int = 0


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
        spared = db.session.scalars(sa.select(Picture.id).where(Picture.id.in_(spare), Picture.id != picture_id)).all()
        db.session.add_all(Exemption(picture_id=id_, entry_id=entry.id, decision_id=decision.id) for id_ in spared)
        decision_id = decision.id
    sweep(parts, decision_id)
    for id_ in sorted(waiting):
        publish(parts, id_)
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
        picture = _approvable(picture_id, seen)
        decision = decide(Kind.APPROVE, by_id, "", note=note)
        waiting = [picture_id] if bring_back(parts, picture, decision, version) else []
        waiting += _approve_undecided(parts, set(copies) - {picture_id}, decision, version)
        db.session.flush()
        decision_id = decision.id
    for id_ in sorted(waiting):
        publish(parts, id_)
    return db.session.get_one(Decision, decision_id)


def approve_all(parts: Parts, picture_ids: Iterable[int], by_id: int) -> Decision:
    """These pictures, undecided until now, are fine: one decision, which is taken back at once.

    What somebody has decided meanwhile is left out. Raises `Conflict` if that leaves none.
    """
    with writing():
        version = bump(PICTURES)
        decision = decide(Kind.APPROVE, by_id, "")
        waiting = _approve_undecided(parts, picture_ids, decision, version)
        if not decision.actions:
            raise Conflict("Nothing is left to approve: somebody has decided on all of these.")
        db.session.flush()
        decision_id = decision.id
    for picture_id in waiting:
        publish(parts, picture_id)
    return db.session.get_one(Decision, decision_id)


def _approve_undecided(parts: Parts, picture_ids: Iterable[int], decision: Decision, version: int) -> list[int]:
    """Approve those on which nobody has decided, as part of a decision; which of them go through `publish` now."""
    waiting = []
    for picture_id in sorted(set(picture_ids)):
        try:
            picture = _approvable(picture_id, seen=None)
        except Refusal:
            continue
        if bring_back(parts, picture, decision, version):
            waiting.append(picture_id)
    return waiting


def withdraw(entry_id: int, by_id: int | None, reason: str = "") -> Decision:
    """This entry blocks no more. What it took down stays down; the edge commits."""
    bump(BLOCKLIST)
    entry = db.session.get(Entry, entry_id)
    if entry is None:
        raise NotFound(f"There is no blocklist entry {entry_id}.")
    if entry.withdrawn:
        raise Conflict(f"Entry {entry_id} is withdrawn already.")
    _may_release(entry.decision, by_id)
    decision = decide(Kind.WITHDRAW, by_id, reason)
    db.session.flush()
    blocklist.withdraw(entry, decision)
    return decision


def restore(parts: Parts, entry_id: int, by_id: int | None) -> Decision:
    """This entry blocks again, and what came on show near it meanwhile is swept: its withdrawal is taken back.

    Returns the decision that made the entry, which the sweep belongs to.
    """
    entry = db.session.get(Entry, entry_id)
    if entry is None:
        raise NotFound(f"There is no blocklist entry {entry_id}.")
    if not entry.withdrawn:
        raise Conflict(f"Entry {entry_id} blocks already.")
    if entry.withdrawal_id is None or not entry.restorable:
        raise Conflict(f"Entry {entry_id} was taken back with the decision that made it. Mark the picture again.")
    undo(parts, entry.withdrawal_id, by_id, Event.RESTORE)
    return db.session.get_one(Entry, entry_id).decision


def import_entries(
    parts: Parts, pictures: Iterable[tuple[str, Fingerprint]], by_id: int | None, reason: str
) -> tuple[Decision | None, dict[str, Entry]]:
    """These pictures, each with its file's name, are indecent: one decision, swept like a mark.

    Returns the decision, None if nothing was new, and by name the entries, withdrawn ones too, of pictures that had
    one before: nothing was added for those.
    """
    known: dict[str, Entry] = {}
    decision = None
    fingerprinted = list(pictures)  # before anybody has to wait for us
    with writing():
        bump(BLOCKLIST)
        for name, print_ in fingerprinted:
            before = blocklist.known(print_.pixels or b"")
            if before:
                known[name] = before
                continue
            decision = decision or decide(Kind.IMPORT, by_id, reason, lease=now() + parts.lease)
            blocklist.add(blocklist.pack(print_), decision, source=PurePath(name).name)
            db.session.flush()
        decision_id = decision.id if decision else None
    if decision_id is None:
        return None, known
    sweep(parts, decision_id)
    return db.session.get_one(Decision, decision_id), known


def undo(parts: Parts, decision_id: int, by_id: int | None, event: Event = Event.UNDO) -> Decision:
    """Take back all that a decision did. What another entry covers, or somebody decided since, stays as it is.

    Raises `Conflict` if it has been taken back before.
    """
    with writing():
        bump(BLOCKLIST)
        version = bump(PICTURES)
        decision = db.session.get(Decision, decision_id)
        if decision is None:
            raise NotFound(f"There is no decision {decision_id}.")
        if decision.undone:
            raise Conflict(f"{_name(decision.undone_by)} has taken this back already, {_at(decision.undone)}.")
        _may_release(decision, by_id)
        decision.undone, decision.undone_by_id, decision.lease = now(), by_id, None
        audit.record(event, by_id, decision=decision)
        for entry in decision.entries:
            if not entry.withdrawn:
                blocklist.withdraw(entry)
        for entry in decision.withdrawals:
            if not entry.decision.undone:
                blocklist.restore(entry)
                decision.lease = now() + parts.lease  # what came on show meanwhile is swept below
        db.session.execute(sa.delete(Exemption).filter_by(decision_id=decision_id))
        # Last things first: a picture may have been held, and then taken down, by the same decision.
        waiting = {one.picture_id for one in reversed(decision.actions) if _take_back(parts, one, version)}
        for known in db.session.scalars(sa.select(KnownGood).filter_by(removal_id=decision_id)):
            if known.decision is None or known.decision.undone is None:
                known_good.restore(known)
        added = sa.select(KnownGood.id).filter_by(decision_id=decision_id, removed=None)
        waiting |= disallow(parts, db.session.scalars(added).all(), decision, version)
    # Older pictures first, so that a member's newest is the one that ends on show.
    for picture_id in sorted(waiting):
        publish(parts, picture_id)
    sweep(parts, decision_id)
    return db.session.get_one(Decision, decision_id)


def sweep(parts: Parts, decision_id: int) -> None:
    """Take down, or hold, whatever is near the entries that a decision added or restored.

    Among very many pictures, what only views of parts match is left to be finished in the background, at once. Safe to
    repeat, and for several processes at once.
    """
    _sweep(parts, decision_id, direct=len(parts.on_show) > AT_ONCE)


def _sweep(parts: Parts, decision_id: int, direct: bool) -> None:
    """Sweep by direct views only, and leave the decision due to be finished; or by all views, and finish it."""
    decision = db.session.get_one(Decision, decision_id)
    if decision.lease is None:
        return
    found: dict[int, list[tuple[Verdict, Entry]]] = {}
    for entry in (*decision.entries, *decision.withdrawals):
        if entry.withdrawn:
            continue
        # What may be against the law leaves the pages of what is down, too.
        for down in (False, True) if entry.apart else (False,):
            for hit in copies(parts, blocklist.known_by(entry), direct, down):
                found.setdefault(hit.id, []).append((parts.policy.verdict(hit), entry))

    db.session.rollback()  # what was found may have come after this session began to read
    spared = {id_ for id_, hits in found.items() if _is_known_good(parts, id_, hits)} if len(parts.known_good) else ()
    with writing():
        version = bump(PICTURES)
        decision = db.session.get_one(Decision, decision_id)
        if decision.lease is None:  # finished by another process, or taken back
            return
        moved = []
        for picture_id, hits in sorted(found.items()):
            picture = get(picture_id)
            exempt = exempt_from(picture_id)
            counting = [
                (verdict, entry)
                for verdict, entry in hits
                if not entry.withdrawn
                and entry.id not in exempt
                and (picture.status in SWEPT or (entry.apart and picture.status in DOWN))
            ]
            if not counting or picture_id in spared:
                continue
            verdict, entry = max(counting, key=lambda hit: hit[0].gravity)
            near = verdict is Verdict.HOLD and picture.decision is None
            # What an entry takes down belongs to the decision that added it, also when the entry was restored.
            if entry.apart and (near or verdict is Verdict.REFUSE):
                move(picture, Status.ESCALATED, entry.decision, version, entry.id)
            elif verdict is Verdict.REFUSE:
                move(picture, never_shown(picture), entry.decision, version, entry.id)
            elif near and picture.status in (Status.PENDING, Status.PUBLISHED):
                # For a person to look at; one whom a person has looked at stays.
                move(picture, Status.HELD, entry.decision, version, entry.id, decides=False)
            else:
                continue
            moved.append(picture_id)
        decision.lease = now() if direct else None
        if moved:
            audit.record(Event.SWEEP, None, of=decision.id, pictures=moved)


def _is_known_good(parts: Parts, picture_id: int, hits: list[tuple[Verdict, Entry]]) -> bool:
    """Whether a picture stays in spite of those hits; not where one of them is on an escalated picture."""
    row = get(picture_id).fingerprint
    counting = [entry for verdict, entry in hits if verdict is not Verdict.PUBLISH]
    if row is None or not counting or any(entry.apart for entry in counting):
        return False
    return bool(allowed(parts, unpack(row)))


def known_good_beside(parts: Parts, decision: Decision) -> int:
    """How many known-good pictures the entries of a decision would hit, were those not allowed."""
    if not len(parts.known_good):
        return 0
    return len(set[int]().union(*(known_good_near(parts, blocklist.known_by(entry)) for entry in decision.entries)))


def swept(decision: Decision) -> Sweep:
    """What a decision did beyond the picture that was decided on."""
    after = [action.after for action in decision.actions if action.entry_id]
    held, escalated = after.count(Status.HELD), after.count(Status.ESCALATED)
    return Sweep(len(after) - held - escalated, held, escalated)


def finish_work(parts: Parts) -> int:
    """Take over what other processes began and did not finish within their lease; how many pieces of work it was."""
    moment = now()
    late = [
        *_claim(parts, Picture, moment, Picture.status == Status.PENDING),
        *_claim(parts, Decision, moment, sa.true()),
    ]
    done = 0
    for kind, id_ in late:
        try:
            if kind is Picture:
                publish(parts, id_)
            else:
                _sweep(parts, id_, direct=False)
            done += 1
        except Exception:  # One that fails must not keep the others waiting; its new lease will be out in time.
            log.exception("%s %d could not be finished.", kind.__name__, id_)
    return done


def _claim(
    parts: Parts, kind: type[Picture] | type[Decision], moment: datetime, also: sa.ColumnElement[bool]
) -> list[tuple[type, int]]:
    out = sa.select(kind.id).where(kind.lease < moment, also)
    if not db.session.scalars(out.limit(1)).first():
        return []
    with writing():
        renewed = sa.update(kind).where(kind.lease < moment, also).values(lease=now() + parts.lease).returning(kind.id)
        return [(kind, id_) for id_ in db.session.scalars(renewed).all()]


def markable(picture_id: int, seen: int | None) -> Picture:
    """The picture, if it can be marked: it lies before moderators, as the one who asks saw it."""
    picture = _undecided(picture_id, seen)
    if picture.purged:
        raise Conflict(PURGED)
    if picture.status not in MARKABLE:
        raise Conflict(f"This picture is not on show: it is {picture.status}.")
    if picture.fingerprint is None:
        raise Refusal("This picture could not be fingerprinted, so it cannot be blocked. It stays hidden.")
    return picture


def _may_release(decision: Decision, by_id: int | None) -> None:
    """Raises `Refusal` where the decision keeps a picture apart and that person is not entrusted with such ones."""
    if decision.kind is Kind.ESCALATE and by_id is not None and not accounts.is_entrusted(by_id):
        raise Refusal("Only the people entrusted with escalated pictures can release this one.")


def _undecided(picture_id: int, seen: int | None) -> Picture:
    """The picture, if the decision on it is still the one that the moderator saw."""
    picture = db.session.get(Picture, picture_id)
    if picture is None:
        raise NotFound("There is no such picture.")
    if picture.decision_id != seen:
        raise Conflict(f"Somebody was faster: {said(picture.decision)}" if picture.decision else "It was taken back.")
    return picture


def _approvable(picture_id: int, seen: int | None) -> Picture:
    picture = _undecided(picture_id, seen)
    if picture.purged:
        raise Conflict(PURGED)
    if picture.status is Status.PENDING:
        raise Conflict("This picture is being checked at this moment. Please try again.")
    if picture.status is Status.ESCALATED:
        raise Conflict("This picture is kept apart: the people entrusted with escalated pictures decide on it.")
    if picture.decision and any(entry.picture_id == picture_id for entry in picture.decision.entries):
        raise Refusal("This picture itself was marked indecent. Undo that decision instead.")
    return picture


def bring_back(parts: Parts, picture: Picture, decision: Decision, version: int) -> bool:
    """Approve it as part of a decision, past what it came near to; whether it has to go through `publish` now."""
    waits = picture.status in (Status.HELD, Status.REFUSED, Status.REMOVED, Status.ESCALATED) and not picture.purged
    _exempt(picture, decision)
    if waits:
        picture.lease = now() + parts.lease
    move(picture, Status.PENDING if waits else picture.status, decision, version)
    return waits


def said(decision: Decision) -> str:
    """The decision as a sentence about "this picture", with who and when."""
    did = {
        Kind.MARK: "marked this picture, or one that it is a copy of, indecent",
        Kind.APPROVE: "approved this picture",
        Kind.IMPORT: "imported a blocklist entry that this picture is a copy of",
        Kind.WITHDRAW: "changed the blocklist entry that this picture is a copy of",
        Kind.UPHOLD: "upheld the refusal of this picture",
        Kind.OVERTURN: "overturned the refusal of this picture, or of one that it is a copy of",
        Kind.ESCALATE: "escalated this picture, or one that it is a copy of",
    }[decision.kind]
    return f"{_name(decision.by)} {did}, {_at(decision.created)}."


def _name(account: object) -> str:
    return getattr(account, "name", "the command line")


def _at(moment: datetime) -> str:
    return f"{moment:%d %B %Y at %H:%M} UTC"


def leave(picture: Picture, decision: Decision, version: int) -> None:
    """A decision about the picture that leaves it as it is."""
    move(picture, picture.status, decision, version, decides=False)


def decide(
    kind: Kind,
    by_id: int | None,
    reason: str,
    lease: datetime | None = None,
    event: Event | None = None,
    note: str = "",
) -> Decision:
    """A decision that is just made; what it does is added to it. It goes into the audit log, as `event` if given.

    The note does not: it is anybody's words, perhaps with a name in them, and nothing is ever taken out of that log.
    """
    reason = _within(REASON_LENGTH, "reason", " ".join(reason.split()))
    note = _within(NOTE_LENGTH, "note", "\n".join(line.rstrip() for line in note.strip().splitlines()))
    decision = Decision(kind=kind, by_id=by_id, reason=reason, note=note, lease=lease)
    db.session.add(decision)
    audit.record(event or audit.decided(kind), by_id, decision=decision)
    return decision


def _within(most: int, field: str, text: str) -> str:
    if len(text) > most:
        raise TooLong(field, most, len(text))
    return text


def move(
    picture: Picture,
    after: Status,
    decision: Decision,
    version: int,
    entry_id: int | None = None,
    decides: bool = True,
) -> None:
    """Move a picture as part of a decision, and write down where it was. The list of pictures is locked by then."""
    db.session.add(
        Action(
            decision=decision,
            picture_id=picture.id,
            entry_id=entry_id,
            decides=decides,
            before=picture.status,
            before_decision_id=picture.decision_id,
            after=after,
        )
    )
    picture.status, picture.version = after, version
    if decides:
        picture.decision = decision
    if after is not Status.PENDING:
        picture.lease = None


def _exempt(picture: Picture, decision: Decision) -> None:
    """Never hold against the picture again what a check or a sweep found it near to: that is what the person saw."""
    checked = sa.select(Match.entry_id).join(Match.check).filter_by(picture_id=picture.id)
    swept_by = sa.select(Action.entry_id).where(Action.picture_id == picture.id, Action.entry_id.is_not(None))
    seen = {*db.session.scalars(checked.where(Match.verdict != Verdict.PUBLISH)), *db.session.scalars(swept_by)}
    db.session.add_all(Exemption(picture_id=picture.id, entry_id=id_, decision_id=decision.id) for id_ in seen)


def _take_back(parts: Parts, action: Action, version: int) -> bool:
    """Put one picture back to where it was before an action; whether it has to go through `publish` now."""
    picture, before = action.picture, action.before
    if picture.purged:
        return False
    if picture.decision_id != (action.decision_id if action.decides else action.before_decision_id):
        return False  # somebody has decided on it since
    picture.version = version
    if action.decides:
        origin = _origin(action)
        picture.decision_id, before = origin.before_decision_id, origin.before
    comes_on_show = before in (Status.PUBLISHED, Status.PENDING)
    gave_way = action.after is Status.PUBLISHED and picture.status is Status.REPLACED
    if not (picture.status is action.after or (gave_way and not comes_on_show)):
        return False  # its member has another picture since
    # What stays on show is compared anew too: without the approval, or its exemptions, it may be near an entry.
    picture.status = Status.PENDING if comes_on_show else before
    picture.lease = now() + parts.lease if comes_on_show else None
    return comes_on_show


def _origin(action: Action) -> Action:
    """The action to go back to: past those of decisions that were taken back while this one stood."""
    while action.before_decision_id:
        before = db.session.get_one(Decision, action.before_decision_id)
        if not before.undone:
            break
        action = next(one for one in before.actions if one.picture_id == action.picture_id and one.decides)
    return action
