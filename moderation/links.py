"""Links with which a person sets a new password, once: there need be no mail for it."""

import hashlib
import secrets
from datetime import timedelta

import sqlalchemy as sa

from . import accounts, audit
from .audit import Event
from .columns import now
from .database import db
from .errors import NotFound, Refusal
from .models import Account, PasswordLink


def issue(account: Account, good_for: timedelta, by_id: int | None = None) -> str:
    """What the link ends with, which nobody can read again; an earlier one is good for nothing from now on."""
    accounts.still_there(account)
    if account.deactivated:
        raise Refusal(f"{account.name} is deactivated. Let the account be used again first.")
    secret = secrets.token_urlsafe(32)
    db.session.execute(sa.delete(PasswordLink).filter_by(account_id=account.id))
    db.session.add(PasswordLink(hash=_hash(secret), account_id=account.id, expires=now() + good_for))
    audit.record(Event.LINK, by_id, account.id)
    return secret


def whose(secret: str) -> Account:
    """The account whose password the link sets. Raises `NotFound` where it is used, too old or none."""
    good = sa.select(Account).join(PasswordLink, PasswordLink.account_id == Account.id)
    good = good.where(PasswordLink.hash == _hash(secret), PasswordLink.expires > now(), Account.deactivated.is_(None))
    found = db.session.scalars(good).first()
    if found is None:
        raise NotFound("This link was used already, or it is too old. Please ask for another.")
    return found


def redeem(secret: str, password: str) -> Account:
    """Set the password, as part of a transaction; the link is used then. One that will not do leaves it as it is."""
    account = whose(secret)
    used = db.session.execute(sa.delete(PasswordLink).filter_by(hash=_hash(secret)).returning(PasswordLink.account_id))
    if used.first() is None:
        raise NotFound("This link was used already, or it is too old. Please ask for another.")
    accounts.set_password(account, password, account.id)
    return account


def _hash(secret: str) -> bytes:
    # As long as the hash, and nobody chose it.
    return hashlib.sha256(secret.encode()).digest()
