"""What several people do to a site at once, one random thing at a time; and what must be true of it at any moment."""

import dataclasses
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cache

import numpy as np
import sqlalchemy as sa
from PIL import Image
from sqlalchemy.orm import aliased, joinedload, selectinload

from moderation import allowing, appeals, audit, decisions, escalation, review, sweeping, uploads
from moderation.canonical import canonical
from moderation.database import db, writing
from moderation.errors import Refusal
from moderation.fingerprint import Fingerprint, fingerprint
from moderation.matching import Policy, Verdict, compare
from moderation.models import (
    Account,
    Action,
    Appeal,
    Decision,
    Entry,
    Exemption,
    FingerprintRow,
    Kind,
    KnownGood,
    Picture,
    Role,
    Status,
)
from moderation.parts import Parts

from .conftest import near_copy, save

FAMILIES = 3
"""Pictures of which there are copies; no two come near each other."""

YEAR = timedelta(days=365)

Deed = Callable[[Parts], object]

DOWN = (Status.REFUSED, Status.REMOVED)


def mosaic(seed: int) -> bytes:
    """A picture of soft patches; no two come near each other, and it takes little time to make and to read."""
    patches = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), np.uint8)
    return save(Image.fromarray(patches).resize((96, 96), Image.Resampling.BICUBIC), quality=85)


@cache
def copies() -> tuple[tuple[bytes, ...], ...]:
    """By family, the original and copies of it that are refused near it."""
    originals = [mosaic(family) for family in range(FAMILIES)]
    return tuple((data, near_copy(data), near_copy(data, 0.8, 75)) for data in originals)


@cache
def prints() -> tuple[tuple[Fingerprint, ...], ...]:
    return tuple(tuple(fingerprint(canonical(data)) for data in family) for family in copies())


@cache
def families() -> dict[bytes, int]:
    """The family of a picture, by the hash of its canonical pixels."""
    return {print_.pixels or b"": number for number, family in enumerate(prints()) for print_ in family}


def are_as_the_races_need_them() -> bool:
    """Whether copies of one family refuse each other, and those of different ones do not come near."""
    policy = Policy()
    every = [(number, print_) for number, family in enumerate(prints()) for print_ in family]
    return len(families()) == len(every) and all(
        policy.verdict(compare(one, other)) is (Verdict.REFUSE if here == there else Verdict.PUBLISH)
        for here, one in every
        for there, other in every
    )


@dataclasses.dataclass(frozen=True)
class Cast:
    members: Sequence[int]
    staff: Sequence[int]


def people() -> Cast:
    """Four members, and two moderators who are entrusted with everything."""
    with writing():
        accounts = [
            Account(name=name, key=name, password="", role=role, session="", entrusted=role is Role.MODERATOR)
            for name, role in [
                *((f"m{number}", Role.MEMBER) for number in range(4)),
                ("ana", Role.MODERATOR),
                ("ben", Role.MODERATOR),
            ]
        ]
        db.session.add_all(accounts)
        db.session.flush()
        ids = [account.id for account in accounts]
    return Cast(ids[:4], ids[4:])


WEIGHTS = {
    "upload": 6,
    "mark": 5,
    "undo": 4,
    "approve": 2,
    "withdraw": 2,
    "restore": 2,
    "approve_all": 1,
    "import_": 1,
    "ask": 2,
    "overturn": 2,
    "uphold": 1,
    "escalate": 1,
    "release": 1,
    "disallow": 1,
    "finish": 1,
}
"""How often each is done."""


class Deeds:
    """What somebody does next, as the site looks to them at that moment. None where there is nothing to do it to."""

    def __init__(self, cast: Cast, dice: random.Random) -> None:
        self.cast, self.dice = cast, dice
        self.undoes = 0  # the decision that the last undo is of

    def any(self) -> tuple[str, Deed] | None:
        return self.one(self.dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0])

    def one(self, kind: str) -> tuple[str, Deed] | None:
        db.session.rollback()
        db.session.expire_all()
        deed: Deed | None = getattr(self, kind)()
        db.session.rollback()
        return (kind, deed) if deed else None

    def by(self) -> int:
        return self.dice.choice(self.cast.staff)

    def _any_of(self, wanted: sa.Select) -> sa.Row | None:
        rows = db.session.execute(wanted.order_by(sa.text("1"))).all()
        return self.dice.choice(rows) if rows else None

    def _picture(self, *where: sa.ColumnElement[bool]) -> sa.Row | None:
        return self._any_of(sa.select(Picture.id, Picture.decision_id, Picture.member_id).where(*where))

    def upload(self) -> Deed:
        member, data = self.dice.choice(self.cast.members), self.dice.choice(self.dice.choice(copies()))
        return lambda parts: uploads.receive(parts, member, data)

    def mark(self) -> Deed | None:
        picture = self._picture(Picture.status.in_(decisions.MARKABLE))
        return picture and self._press("mark", picture, self.by())

    def approve(self) -> Deed | None:
        picture = self._picture(Picture.status.not_in((Status.PENDING, Status.ESCALATED)))
        return picture and self._press("approve", picture, self.by())

    def two_windows(self, kinds: tuple[str, str]) -> list[tuple[str, Deed]]:
        """One moderator has the same picture in two windows, and presses something in each."""
        db.session.rollback()
        picture, by = self._picture(Picture.status.in_(decisions.MARKABLE)), self.by()
        db.session.rollback()
        return [(kind, self._press(kind, picture, by)) for kind in kinds] if picture else []

    def _press(self, kind: str, picture: sa.Row, by: int) -> Deed:
        act = {"mark": review.mark, "approve": review.approve}[kind]
        return lambda parts: act(parts, picture.id, by, picture.decision_id)

    def approve_all(self) -> Deed:
        ids = db.session.scalars(sa.select(Picture.id).filter_by(decision_id=None).order_by(Picture.id)).all()
        by = self.by()
        return lambda parts: review.approve_all(parts, ids, by)

    def undo(self) -> Deed | None:
        by = self.by()
        if found := self._any_of(sa.select(Decision.id).filter_by(undone=None)):
            self.undoes = found.id
            return lambda parts: review.undo(parts, found.id, by)
        return None

    def withdraw(self) -> Deed | None:
        by = self.by()
        found = self._any_of(sa.select(Entry.id).filter_by(withdrawn=None))
        if found is None:
            return None

        def deed(_parts: Parts) -> None:
            with writing():
                review.withdraw(found.id, by)

        return deed

    def restore(self) -> Deed | None:
        by = self.by()
        if found := self._any_of(sa.select(Entry.id).where(Entry.withdrawn.is_not(None))):
            return lambda parts: review.restore(parts, found.id, by)
        return None

    def import_(self) -> Deed:
        by, print_ = self.by(), self.dice.choice(self.dice.choice(prints()))
        return lambda parts: review.import_entries(parts, [("old.jpg", print_)], by, "")

    def ask(self) -> Deed | None:
        if picture := self._picture(Picture.status.in_(DOWN), ~Picture.appeal.has()):
            return lambda _parts: appeals.ask(picture.id, picture.member_id, "It is fine.", YEAR)
        return None

    def overturn(self) -> Deed | None:
        by = self.by()
        if found := self._any_of(sa.select(Appeal.id)):
            return lambda parts: appeals.overturn(parts, found.id, by, "", 3)
        return None

    def uphold(self) -> Deed | None:
        by = self.by()
        if found := self._any_of(sa.select(Appeal.id)):
            return lambda _parts: appeals.uphold(found.id, by)
        return None

    def escalate(self) -> Deed | None:
        by = self.by()
        if picture := self._picture(Picture.status != Status.PENDING):
            return lambda parts: escalation.escalate(parts, picture.id, by, "")
        return None

    def release(self) -> Deed | None:
        by = self.by()
        release = self.dice.choice([escalation.release_as_fine, escalation.release_as_indecent])
        if picture := self._picture(Picture.status == Status.ESCALATED):
            return lambda parts: release(parts, picture.id, by)
        return None

    def disallow(self) -> Deed | None:
        if found := self._any_of(sa.select(KnownGood.id).filter_by(removed=None)):
            return lambda parts: allowing.remove(parts, found.id, self.cast.staff[0])
        return None

    def finish(self) -> Deed:
        return sweeping.finish_work


def told_no(deed: Deed, parts: Parts) -> bool:
    """Do it; whether it was declined."""
    try:
        deed(parts)
    except Refusal:
        return True
    return False


# --- what must be true ---------------------------------------------------------------------

# Made once: they are asked after every deed.
_withdrawal = aliased(Decision)
BLOCKING = (
    sa.select(Entry.id, FingerprintRow.pixels)
    .join(Entry.fingerprint)
    .join(Entry.decision)
    .outerjoin(_withdrawal, Entry.withdrawal_id == _withdrawal.id)
    # Work that is under way has a lease.
    .where(Entry.withdrawn.is_(None), Decision.lease.is_(None), _withdrawal.lease.is_(None))
)
ON_SHOW = (
    sa.select(Picture.id, FingerprintRow.pixels).join(Picture.fingerprint).where(Picture.status == Status.PUBLISHED)
)
EXEMPT = sa.select(Exemption.picture_id, Exemption.entry_id)
ALLOWED = (
    sa.select(FingerprintRow.pixels)
    .join(KnownGood, KnownGood.fingerprint_id == FingerprintRow.id)
    .where(KnownGood.removed.is_(None))
)
PICTURES = sa.select(Picture).options(joinedload(Picture.decision))
DECISIONS = sa.select(Decision).options(selectinload(Decision.entries), selectinload(Decision.actions))
EXEMPT_BY_UNDONE = sa.select(Exemption).join(Decision).where(Decision.undone.is_not(None))
NOT_ARRIVED = (
    sa.select(Action)
    .join(Action.picture)
    .where(Action.after == Status.PENDING, Picture.decision_id == Action.decision_id)
)


def slipped(family: Mapping[bytes, int] | None = None) -> list[str]:
    """What is on show although an entry covers it whose mark has returned: law 2, as of one moment.

    What is near what is said by the family of each picture; those of the races, if none are given.
    """
    family = family or families()
    with db.engine.connect() as connection:
        blocked = connection.execute(BLOCKING).all()
        pictures = connection.execute(ON_SHOW).all()
        exempt = {(row[0], row[1]) for row in connection.execute(EXEMPT)}
        good = {family[pixels] for pixels in connection.scalars(ALLOWED)}
    return [
        f"picture {picture} is on show near entry {entry}"
        for entry, its in blocked
        for picture, pixels in pictures
        if family[its] == family[pixels] and (picture, entry) not in exempt and family[pixels] not in good
    ]


def half_done(family: Mapping[bytes, int] | None = None) -> list[str]:
    """What must not be there once everybody has returned, and the work of those who died is finished."""
    db.session.rollback()
    db.session.expire_all()
    found = slipped(family)
    pictures = db.session.scalars(PICTURES).all()
    shown = [picture.member_id for picture in pictures if picture.status is Status.PUBLISHED]
    if len(shown) != len(set(shown)):
        found.append("a member has two pictures on show")
    for picture in pictures:
        if picture.status is Status.PENDING or picture.lease:
            found.append(f"picture {picture.id} is {picture.status} with the lease {picture.lease}")
        if picture.decision and picture.decision.undone:
            found.append(f"decision {picture.decision_id} stands on picture {picture.id} and is undone")
        if picture.status is Status.PUBLISHED and picture.published is None:
            found.append(f"picture {picture.id} is on show since never")
        if picture.status is Status.REMOVED and not picture.decision:
            found.append(f"picture {picture.id} was taken down by nobody")
        if (picture.status in DOWN) != (picture.down is not None):
            found.append(f"picture {picture.id} is {picture.status} and down since {picture.down}")
    for decision in db.session.scalars(DECISIONS):
        if decision.lease:
            found.append(f"decision {decision.id} is not finished")
        if decision.undone and not all(entry.withdrawn for entry in decision.entries):
            found.append(f"decision {decision.id} is undone and its entries block")
        if decision.kind is Kind.MARK and not (decision.entries and decision.actions):
            found.append(f"mark {decision.id} has {len(decision.entries)} entries, {len(decision.actions)} actions")
    if db.session.scalars(EXEMPT_BY_UNDONE).first():
        found.append("an approval that was taken back exempts")
    # An approval that was overtaken by a mark learns where it arrived once that mark is taken back.
    if db.session.scalars(NOT_ARRIVED).first():
        found.append("a decision has not arrived on its picture")
    audit.verify()
    return found


def not_restored(decision_id: int) -> list[str]:
    """What a decision that was taken back has taken from show, that nothing else forbids, and that did not return."""
    blocked = sa.select(FingerprintRow.pixels).join(Entry, Entry.fingerprint_id == FingerprintRow.id)
    covered = {families()[pixels] for pixels in db.session.scalars(blocked.where(Entry.withdrawn.is_(None)))}
    taken = sa.select(Action).where(Action.decision_id == decision_id, Action.decides)
    return [
        f"picture {picture.id} is {picture.status}"
        for action in db.session.scalars(taken)
        if (picture := action.picture).decision_id is None
        and _stood(action) is Status.PUBLISHED
        and families()[picture.fingerprint.pixels] not in covered
        # Its member may have another by now.
        and picture.status not in (Status.PUBLISHED, Status.REPLACED)
    ]


def _stood(action: Action) -> Status:
    """How the picture was before, and before decisions that have been taken back meanwhile: what was refused at the
    door, and came on show by an approval alone, goes back to being refused.
    """
    before = db.session.get(Decision, action.before_decision_id) if action.before_decision_id else None
    if before is None or before.undone is None:
        return action.before
    (earlier,) = (one for one in before.actions if one.picture_id == action.picture_id and one.decides)
    return _stood(earlier)
