"""What a decision is made of: who may make it, what it moves and how that is taken back, and how it is told."""

from datetime import datetime

import sqlalchemy as sa

from . import accounts, audit
from .audit import Event
from .columns import now
from .database import db
from .errors import Conflict, NotFound, Refusal, TooLong
from .matching import Verdict
from .models import Action, Decision, Entry, Exemption, Kind, Match, Picture, Status
from .parts import Parts

REASON_LENGTH = 200
NOTE_LENGTH = 500
"""Characters at most."""

PURGED = "The file of this picture is deleted: nothing can be decided on it any more."

MARKABLE = (Status.PUBLISHED, Status.HELD, Status.REPLACED)


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


def leave(picture: Picture, decision: Decision, version: int) -> None:
    """A decision about the picture that leaves it as it is."""
    move(picture, picture.status, decision, version, decides=False)


def bring_back(parts: Parts, picture: Picture, decision: Decision, version: int, entry: Entry | None = None) -> bool:
    """Approve it as part of a decision, past what it came near to; whether it has to go through `publish` now.

    Past that entry too, if one is given: its own, with which it was never compared.
    """
    waits = picture.status in (Status.HELD, Status.REFUSED, Status.REMOVED, Status.ESCALATED) and not picture.purged
    _exempt(picture, decision, entry)
    if waits:
        picture.lease = now() + parts.lease
    move(picture, Status.PENDING if waits else picture.status, decision, version)
    return waits


def _exempt(picture: Picture, decision: Decision, entry: Entry | None) -> None:
    """Never hold against the picture again what a check or a sweep found it near to: that is what the person saw."""
    checked = sa.select(Match.entry_id).join(Match.check).filter_by(picture_id=picture.id)
    swept_by = sa.select(Action.entry_id).where(Action.picture_id == picture.id, Action.entry_id.is_not(None))
    seen = {*db.session.scalars(checked.where(Match.verdict != Verdict.PUBLISH)), *db.session.scalars(swept_by)}
    seen |= {entry.id} if entry else set()
    db.session.add_all(Exemption(picture_id=picture.id, entry_id=id_, decision_id=decision.id) for id_ in seen)


def take_back(parts: Parts, action: Action, version: int) -> bool:
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
