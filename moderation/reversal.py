"""Take back all that one account has decided since a time: its password was stolen, or its judgement off."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from . import review
from .audit import Event
from .database import db
from .errors import Refusal
from .models import Action, Decision, Entry, Picture, Status
from .parts import Parts


@dataclass(frozen=True)
class Reversal:
    """What would be taken back, latest first."""

    decisions: Sequence[int]
    pictures: int  # that they decided on or swept up
    down: int  # ... of those, refused or taken down at this moment
    entries: int  # that they added and that block still


def preview(account_id: int, since: datetime) -> Reversal:
    """What taking back that account's decisions since then would touch. Writes nothing."""
    mine = sa.select(Decision.id).where(
        Decision.by_id == account_id, Decision.created >= since, Decision.undone.is_(None)
    )
    touched = sa.select(Action.picture_id).where(Action.decision_id.in_(mine))
    pictures = sa.select(sa.func.count()).select_from(Picture).where(Picture.id.in_(touched))
    down = pictures.where(Picture.status.in_((Status.REFUSED, Status.REMOVED)))
    blocking = sa.select(sa.func.count()).select_from(Entry)
    blocking = blocking.where(Entry.decision_id.in_(mine), Entry.withdrawn.is_(None))
    return Reversal(
        db.session.scalars(mine.order_by(Decision.id.desc())).all(),
        *(db.session.scalar(number) or 0 for number in (pictures, down, blocking)),
    )


def take_back(parts: Parts, account_id: int, since: datetime, by_id: int) -> int:
    """Take them back, the latest first, so that each finds things as it left them; how many it were."""
    done = 0
    for decision_id in preview(account_id, since).decisions:
        try:
            review.undo(parts, decision_id, by_id, Event.REVERSAL)
            done += 1
        except Refusal:  # somebody has taken it back this moment, or it is others' to release
            continue
    return done
