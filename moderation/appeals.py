"""A member asks, once, for another look at a picture that was refused or taken down; somebody else decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from . import blocklist, known_good
from .accounts import STAFF
from .columns import now
from .database import db, writing
from .decisions import as_seen, bring_back, decide, leave
from .errors import Conflict, NotFound, Refusal
from .matching import Verdict
from .models import (
    DOWN,
    Account,
    Action,
    Appeal,
    Check,
    Decision,
    Entry,
    Kind,
    Picture,
)
from .parts import Parts
from .pictures import IN_THE_BAR, counting
from .replica import BLOCKLIST, PICTURES, bump
from .uploads import publish_all

LENGTH = 500
"""Characters of an appeal at most."""

_DOWN = sa.select(Appeal.id).where(Appeal.picture.has(sa.and_(Picture.status.in_(DOWN), Picture.purged.is_(None))))
_OPEN = sa.union_all(  # not one query with "or", which would go through all appeals there ever were
    _DOWN.where(Appeal.decision_id.is_(None)),
    _DOWN.where(Appeal.decision_id.in_(sa.select(Decision.id).where(Decision.undone.is_not(None)))),
)
_NUMBER_OPEN, _IN_THE_BAR = (counting(_OPEN, most) for most in (None, IN_THE_BAR))


@dataclass(frozen=True)
class Seen:
    """What kept the picture down when the page was made on which somebody decides: a decision, by an entry."""

    decision_id: int | None
    entry_id: int | None = None


def may_ask(picture: Picture, window: timedelta) -> bool:
    """Whether its member may appeal: it is down, nobody has asked before, and it is not too long ago."""
    asked = picture.appeal is not None
    return picture.status in DOWN and not (asked or picture.purged) and now() - down_since(picture) < window


def down_since(picture: Picture) -> datetime:
    """When it was refused or taken down: the window for an appeal begins.

    A worker of a former version that is left running does not write it down, nor that it came back meanwhile. It was
    not before the upload, nor before the decision that stands.
    """
    since = picture.down or picture.created
    return max(since, picture.decision.created) if picture.decision else since


def down_before(moment: datetime) -> sa.ColumnElement[bool]:
    """Whether that was before then, of a picture that is down, asked of the database."""
    late = Picture.decision.has(Decision.created >= moment)
    return sa.and_(sa.func.coalesce(Picture.down, Picture.created) < moment, ~late)


def ask(picture_id: int, member_id: int, text: str, window: timedelta) -> Appeal:
    """The member's appeal. Raises `Refusal` with what is wrong with it."""
    text = " ".join(text.split())
    if not text:
        raise Refusal("Please say in a few words why your picture keeps to the rules.")
    if len(text) > LENGTH:
        raise Refusal(f"Please say it in at most {LENGTH} characters; these are {len(text)}.")
    with writing():
        picture = db.session.get(Picture, picture_id)
        if picture is None or picture.member_id != member_id:
            raise NotFound("There is no such picture of yours.")
        if picture.appeal:
            raise Conflict("You have asked for another look at this picture already.")
        if not may_ask(picture, window):
            raise Conflict("This picture cannot be appealed: it is not refused, or that is too long ago.")
        appeal = Appeal(picture=picture, text=text)
        db.session.add(appeal)
        picture.version = bump(PICTURES)
    return appeal


def waiting(limit: int) -> Sequence[Appeal]:
    """Appeals that nobody has decided, the oldest first."""
    wanted = (
        sa.select(Appeal).where(Appeal.id.in_(_OPEN)).options(joinedload(Appeal.picture).joinedload(Picture.member))
    )
    return db.session.scalars(wanted.order_by(Appeal.id).limit(limit)).all()


def number_waiting(all_: bool = False) -> int:
    """How many those are, up to `IN_THE_BAR` unless it is to be all."""
    return db.session.scalar(_NUMBER_OPEN if all_ else _IN_THE_BAR) or 0


def cause(appeal: Appeal) -> Entry | None:
    """The entry that brought the picture down; as it is now, until somebody has decided."""
    return appeal.entry if appeal.outcome else _because(appeal.picture)


def first_decider(appeal: Appeal) -> Account | None:
    """Who brought the picture down: for an automatic refusal whoever marked the entry; None for the command line."""
    entry = cause(appeal)
    return entry.decision.by if entry else None


def may_decide(appeal: Appeal, account_id: int) -> bool:
    """Anybody but the first decider, and whose picture it is; those only where there is nobody else."""
    return not why_not(appeal, account_id)


def why_not(appeal: Appeal, account_id: int) -> str:
    """Why that person may not decide, as a sentence; empty for who may."""
    first = first_decider(appeal)
    if account_id == appeal.picture.member_id:
        why = "This picture is your own."
    elif first and first.id == account_id:
        why = "You brought this picture down yourself."
    else:
        return ""
    staff = sa.select(Account.id).where(Account.role.in_(STAFF), Account.deactivated.is_(None))
    others = db.session.scalars(staff.where(Account.id != account_id).limit(1)).first()
    return f"{why} Somebody else decides." if others else ""


def uphold(appeal_id: int, by_id: int, reason: str = "", note: str = "", seen: Seen | None = None) -> Decision:
    """The picture stays down. Raises `Conflict` where something else keeps it down by now than was seen."""
    with writing():
        version = bump(PICTURES)
        appeal = _open(appeal_id, by_id, seen)
        decision = decide(Kind.UPHOLD, by_id, reason, note=note)
        leave(appeal.picture, decision, version)
        appeal.decision = decision
        db.session.flush()
        decision_id = decision.id
    return db.session.get_one(Decision, decision_id)


def overturn(
    parts: Parts, appeal_id: int, by_id: int, reason: str, suspend_at: int, note: str = "", seen: Seen | None = None
) -> Decision:
    """The picture comes back and is known good, and the entry has refused one too many: at so many it blocks no more.

    Where the picture itself had been marked, its entry goes at once, and what was taken down with it comes back too.
    Raises `Conflict` where something else keeps it down by now than was seen.
    """
    with writing():
        bump(BLOCKLIST)
        version = bump(PICTURES)
        appeal = _open(appeal_id, by_id, seen)
        decision = decide(Kind.OVERTURN, by_id, reason, note=note)
        entry = appeal.entry
        itself = entry is not None and entry.picture_id == appeal.picture_id
        also = _down_by(entry, appeal.picture_id) if entry and itself else ()
        waiting = bring_back(parts, [appeal.picture, *also], decision, version, entry)
        if appeal.picture.fingerprint:
            known_good.add(appeal.picture.fingerprint, "Appeal overturned", by_id, appeal.picture_id, decision=decision)
        appeal.decision = decision
        db.session.flush()
        if entry and not entry.withdrawn and (itself or overturned(entry.id) >= suspend_at):
            blocklist.withdraw(entry, decision)
        decision_id = decision.id
    del also  # thousands, perhaps, which each transaction that comes would look through
    publish_all(parts, waiting)
    return db.session.get_one(Decision, decision_id)


def _down_by(entry: Entry, but: int) -> Sequence[Picture]:
    """What the decision that made the entry has taken down, that picture aside."""
    swept = sa.select(Picture).where(Picture.decision_id == entry.decision_id)
    return db.session.scalars(swept.where(Picture.id != but, Picture.status.in_(DOWN))).all()


def overturned(entry_id: int) -> int:
    """How many appeals against that entry were right: its false positives."""
    standing = sa.select(sa.func.count()).select_from(Appeal).join(Appeal.decision)
    wanted = standing.where(Appeal.entry_id == entry_id, Decision.kind == Kind.OVERTURN, Decision.undone.is_(None))
    return db.session.scalar(wanted) or 0


def _open(appeal_id: int, by_id: int, seen: Seen | None) -> Appeal:
    appeal = db.session.get(Appeal, appeal_id)
    if appeal is None:
        raise NotFound("There is no such appeal.")
    if appeal.outcome:
        raise Conflict(f"Somebody was faster: this appeal was {appeal.outcome}.")
    if appeal.picture.status not in DOWN or appeal.picture.purged:
        raise Conflict("This picture is not down any more.")
    entry = cause(appeal)
    if seen:
        as_seen(appeal.picture, seen.decision_id)
        if entry and seen.entry_id not in (None, entry.id):
            raise Conflict(f"Something else keeps this picture down by now: blocklist entry {entry.id}.")
    if why := why_not(appeal, by_id):
        raise Refusal(why)
    appeal.entry = entry
    return appeal


def _because(picture: Picture) -> Entry | None:
    """The entry that brought the picture down: by the decision that stands on it, else by its latest refusal."""
    if picture.decision_id:
        own = sa.select(Entry).filter_by(picture_id=picture.id, decision_id=picture.decision_id)
        swept = sa.select(Entry).join(Action, Action.entry_id == Entry.id)
        swept = swept.where(Action.picture_id == picture.id, Action.decision_id == picture.decision_id)
        for by in (own, swept.order_by(Action.id.desc())):
            if entry := db.session.scalars(by.limit(1)).first():
                return entry
    refused = sa.select(Entry).join(Check, Check.entry_id == Entry.id)
    refused = refused.where(Check.picture_id == picture.id, Check.verdict == Verdict.REFUSE)
    return db.session.scalars(refused.order_by(Check.id.desc()).limit(1)).first()
