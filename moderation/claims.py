"""Who is looking at which picture just now: two people should not decide on the same one."""

from collections.abc import Iterable
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from . import audit
from .columns import now
from .database import db, writing
from .models import Claim

HELD_FOR = timedelta(minutes=10)
"""How long a claim holds that is not renewed."""


def claim(picture_id: int, account_id: int, take_over: bool = False) -> Claim:
    """Claim the picture, or renew the own claim; another person's stands, unless it is taken over.

    Returns the claim as it is then: whoever holds it.
    """
    with writing():
        held = db.session.get(Claim, picture_id)
        if held is None:
            held = Claim(picture_id=picture_id, account_id=account_id, until=now() + HELD_FOR)
            db.session.add(held)
        elif held.account_id == account_id or held.until < now() or take_over:
            if held.account_id != account_id and held.until > now():
                audit.record(audit.Event.TAKE_OVER, account_id, held.account_id, picture=picture_id)
            held.account_id, held.until = account_id, now() + HELD_FOR
    return db.session.get_one(Claim, picture_id, options=[joinedload(Claim.account)], populate_existing=True)


def release(picture_id: int) -> None:
    """Nobody looks at it any more: it is decided."""
    with writing():
        db.session.execute(sa.delete(Claim).filter_by(picture_id=picture_id))


def standing(picture_ids: Iterable[int]) -> dict[int, Claim]:
    """The claims that hold at this moment on any of those pictures."""
    held = sa.select(Claim).where(Claim.picture_id.in_(list(picture_ids)), Claim.until > now())
    return {one.picture_id: one for one in db.session.scalars(held.options(joinedload(Claim.account)))}
