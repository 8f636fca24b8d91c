"""Pictures on a site's lists, and what a copy of such a list finds of them."""

import uuid
from functools import cache

import sqlalchemy as sa

from moderation.blocklist import pack
from moderation.database import db, writing
from moderation.drawing import draw
from moderation.fingerprint import Fingerprint, fingerprint
from moderation.matching import Policy
from moderation.models import Account, Counter, Picture, Role, Status
from moderation.replica import PICTURES, Replica, bump

POLICY = Policy()


@cache
def print_of(seed: int) -> Fingerprint:
    return fingerprint(draw(seed, 96))


def show(seed: int, status: Status = Status.PUBLISHED) -> int:
    """Puts that drawn picture on show, and returns its id."""
    with writing():
        member = db.session.scalars(sa.select(Account)).first()
        picture = Picture(
            member=member or Account(name="ana", key="ana", password="", role=Role.MEMBER, session=""),
            status=status,
            fingerprint=pack(print_of(seed)),
            file="",
            thumbnail="",
            width=96,
            height=96,
            version=bump(PICTURES),
        )
        db.session.add(picture)
        db.session.flush()
        return picture.id


def found(replica: Replica, seed: int) -> list[int]:
    return [hit.id for hit in replica.near(print_of(seed), POLICY) if hit.dhash == 0]


def another_list(name: str, version: int) -> None:
    """As when a backup is restored: the list is another one, at whatever version that has."""
    with writing():
        change = sa.update(Counter).filter_by(name=name)
        db.session.execute(change.values(epoch=str(uuid.uuid4()), version=version))
