"""Browsers in which somebody is signed in: begin, go on, end."""

import hashlib
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from . import audit
from .accounts import STAFF
from .audit import Event
from .columns import now
from .database import db, writing
from .models import Account, SignIn

log = logging.getLogger(__name__)

NOTED = timedelta(minutes=1)
"""How exactly it is known when somebody last did something."""


@dataclass(frozen=True)
class Lifetime:
    """How long somebody stays signed in."""

    idle: timedelta  # without doing anything
    most: timedelta  # whatever they do


def begin(account: Account, lifetime: Lifetime, before: str = "") -> str:
    """Somebody is signed in from now on, as part of a transaction: the secret that the browser shows from then on.

    The one that it showed `before` is good for nothing any more.
    """
    moment = now()
    db.session.execute(sa.delete(SignIn).filter_by(hash=_hash(before)))
    over = sa.select(SignIn.hash).where(SignIn.created < moment - lifetime.most).limit(100)
    db.session.execute(sa.delete(SignIn).where(SignIn.hash.in_(over)))
    secret = secrets.token_urlsafe(32)
    db.session.add(SignIn(hash=_hash(secret), account_id=account.id, created=moment, seen=moment))
    if account.role in STAFF:
        audit.record(Event.SIGN_IN, account.id, account.id)
    return secret


# Made once: every request asks.
_CURRENT = sa.select(SignIn).where(SignIn.hash == sa.bindparam("hash")).options(joinedload(SignIn.account))


def current(secret: str, lifetime: Lifetime, doing: bool) -> Account | None:
    """Who shows that secret, if still signed in. `doing` is whether the person does something, or just a page that is
    open."""
    row = db.session.scalars(_CURRENT, {"hash": _hash(secret)}).first()
    moment = now()
    if row is None or row.seen < moment - lifetime.idle or row.created < moment - lifetime.most:
        return None
    if doing and row.seen < moment - NOTED:
        _note(secret)
        return db.session.get(Account, row.account_id)
    return row.account


def _note(secret: str) -> None:
    try:
        with writing():
            db.session.execute(sa.update(SignIn).filter_by(hash=_hash(secret)).values(seen=now()))
    except sa.exc.OperationalError:  # Who only wants to read a page need not wait until the database can be written to.
        log.warning("It could not be written down that somebody is still there.")


def end(secret: str) -> None:
    """The browser is signed out, and its cookie is good for nothing."""
    with writing():
        db.session.execute(sa.delete(SignIn).filter_by(hash=_hash(secret)))


def listed(account_id: int, lifetime: Lifetime) -> Sequence[SignIn]:
    """Where that account is signed in, the latest first."""
    moment = now()
    mine = sa.select(SignIn).filter_by(account_id=account_id)
    standing = mine.where(SignIn.seen >= moment - lifetime.idle, SignIn.created >= moment - lifetime.most)
    return db.session.scalars(standing.order_by(SignIn.created.desc())).all()


def is_of(row: SignIn, secret: str) -> bool:
    """Whether that is the browser that shows the secret."""
    return row.hash == _hash(secret)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
