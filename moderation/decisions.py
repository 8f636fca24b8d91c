"""What a decision is made of: who may make it, what it moves and how that is taken back, and how it is told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from . import accounts, audit
from .audit import Event
from .columns import now
from .database import db, in_parts
from .errors import Conflict, NotFound, Refusal, TooLong
from .matching import Verdict
from .models import Action, Check, Decision, Entry, Exemption, Kind, Match, Picture, Status
from .parts import Parts

REASON_LENGTH = 200
NOTE_LENGTH = 500
"""Characters at most."""

PURGED = "The file of this picture is deleted: nothing can be decided on it any more."

MARKABLE = (Status.PUBLISHED, Status.HELD, Status.REPLACED)

OFF_SHOW = (Status.HELD, Status.REFUSED, Status.REMOVED, Status.ESCALATED)
"""Pictures that come on show by an approval."""


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
    said = {"entry_id": entry_id, "decides": decides}
    db.session.add(Action(decision=decision, **said, **_put(picture, after, decision, version, decides)))


def _put(picture: Picture, after: Status, decision: Decision, version: int, decides: bool = True) -> dict[str, Any]:
    """Put a picture where a decision wants it; what its action says of where it was."""
    was = {"before": picture.status, "before_decision_id": picture.decision_id}
    picture.status, picture.version = after, version
    if decides:
        picture.decision = decision
    if after is not Status.PENDING:
        picture.lease = None
    return {"picture_id": picture.id, **was, "after": after}


def leave(picture: Picture, decision: Decision, version: int) -> None:
    """A decision about the picture that leaves it as it is."""
    move(picture, picture.status, decision, version, decides=False)


def bring_back(
    parts: Parts, pictures: Sequence[Picture], decision: Decision, version: int, entry: Entry | None = None
) -> list[int]:
    """Approve them as part of a decision, past what they came near to; which have to go through `publish` now.

    Past that entry too, if one is given: their own, with which they were never compared.
    """
    db.session.flush()
    _exempt([picture.id for picture in pictures], decision, entry)
    waiting, actions = [], []
    for picture in pictures:
        waits = picture.status in OFF_SHOW and not picture.purged
        if waits:
            picture.lease = now() + parts.lease
            waiting.append(picture.id)
        done = _put(picture, Status.PENDING if waits else picture.status, decision, version)
        actions.append({"decision_id": decision.id, "decides": True, **done})
    # There may be thousands: they are written together.
    db.session.execute(sa.insert(Action), actions)
    return waiting


def _exempt(ids: Sequence[int], decision: Decision, entry: Entry | None) -> None:
    """Never hold against a picture again what a check or a sweep found it near to: that is what the person saw."""
    checked = sa.select(Check.picture_id, Match.entry_id).join(Match.check).where(Match.verdict != Verdict.PUBLISH)
    swept_by = sa.select(Action.picture_id, Action.entry_id).where(Action.entry_id.is_not(None))
    seen = {tuple(row) for row in in_parts(checked, Check.picture_id, ids)}
    seen |= {tuple(row) for row in in_parts(swept_by, Action.picture_id, ids)}
    seen |= {(id_, entry.id) for id_ in ids} if entry else set()
    if seen:
        rows = [{"picture_id": id_, "entry_id": near, "decision_id": decision.id} for id_, near in sorted(seen)]
        db.session.execute(sa.insert(Exemption), rows)


class Undoing:
    """The taking back of a decision: what it is to go back to, and which pictures have to go through `publish` then."""

    def __init__(self, decision_id: int) -> None:
        self._decision_id = decision_id
        self._decided: dict[int, dict[int, Action]] = {}  # by decision and picture: there may be thousands
        self._let_go: set[int] | None = None
        self.waiting: set[int] = set()

    def origin(self, action: Action) -> Action:
        """The action to go back to: past those of decisions that were taken back while this one stood."""
        while action.before_decision_id:
            before = db.session.get_one(Decision, action.before_decision_id)
            if not before.undone:
                break
            if before.id not in self._decided:
                self._decided[before.id] = {one.picture_id: one for one in reversed(before.actions) if one.decides}
            action = self._decided[before.id][action.picture_id]
        return action

    def let_go(self, picture_id: int) -> bool:
        """Whether the sweep that last held the picture was of a decision that is taken back by now, and nothing else
        has held it: neither caution, nor that it could not be compared.
        """
        if self._let_go is None:
            mine = sa.select(Action.picture_id).filter_by(decision_id=self._decision_id)
            held = sa.select(Action.picture_id, Decision.undone).join(Action.decision).order_by(Action.id)
            held = held.where(Action.after == Status.HELD, Action.entry_id.is_not(None), Action.picture_id.in_(mine))
            last = {row.picture_id: row.undone for row in db.session.execute(held)}
            otherwise = sa.or_(Check.caution.is_not(None), Check.failure.is_not(None))
            others = sa.select(Check.picture_id).where(otherwise, Check.picture_id.in_(mine))
            self._let_go = {id_ for id_, undone in last.items() if undone} - set(db.session.scalars(others))
        return picture_id in self._let_go


def take_back(parts: Parts, action: Action, undoing: Undoing, version: int) -> None:
    """Put one picture back to where it was before an action. The last action of a decision is taken back first."""
    picture, before, let_go = action.picture, action.before, False
    if picture.purged:
        return
    if picture.decision_id != (action.decision_id if action.decides else action.before_decision_id):
        return  # somebody has decided on it since
    picture.version = version
    if action.decides:
        origin = undoing.origin(action)
        picture.decision_id, before = origin.before_decision_id, origin.before
        let_go = before is Status.HELD and undoing.let_go(picture.id)
    was_on_show = before in (Status.PUBLISHED, Status.PENDING)
    gave_way = action.after is Status.PUBLISHED and picture.status is Status.REPLACED and not was_on_show
    if not (picture.status is action.after or gave_way or picture.id in undoing.waiting):
        return  # its member has another picture since
    undoing.waiting.discard(picture.id)
    picture.status, picture.lease = before, None
    # What stays on show is compared anew too: without the approval, or its exemptions, it may be near an entry.
    if was_on_show or let_go:
        undoing.waiting.add(picture.id)
        picture.status, picture.lease = Status.PENDING, now() + parts.lease


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


def approvable(picture_id: int, seen: int | None) -> Picture:
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


def _undecided(picture_id: int, seen: int | None) -> Picture:
    """The picture, if the decision on it is still the one that the moderator saw."""
    picture = db.session.get(Picture, picture_id)
    if picture is None:
        raise NotFound("There is no such picture.")
    as_seen(picture, seen)
    return picture


def as_seen(picture: Picture, seen: int | None) -> None:
    """Raises `Conflict`, with who decided what, where the decision on the picture is not that one any more."""
    if picture.decision_id != seen:
        now_stands = said(picture.decision) if picture.decision else "what stood on this picture was taken back."
        raise Conflict(f"Somebody was faster: {now_stands}")


def may_release(decision: Decision, by_id: int | None) -> None:
    """Raises `Refusal` where the decision keeps a picture apart and that person is not entrusted with such ones."""
    if decision.kind is Kind.ESCALATE and by_id is not None and not accounts.is_entrusted(by_id):
        raise Refusal("Only the people entrusted with escalated pictures can release this one.")


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
    return f"{name_of(decision.by)} {did}, {told_at(decision.created)}."


def name_of(account: object) -> str:
    return getattr(account, "name", "the command line")


def told_at(moment: datetime) -> str:
    return f"{moment:%d %B %Y at %H:%M} UTC"
