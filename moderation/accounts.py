"""Accounts: create, authenticate, roles."""

import re
import secrets
from functools import cache
from typing import NamedTuple

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.exc import IntegrityError

from . import audit, passwords
from .audit import Event
from .columns import now
from .database import db, writing
from .errors import Conflict, NotFound, Refusal
from .models import Account, PasswordLink, Role, SignIn
from .shield import LEVELS

STAFF = (Role.MODERATOR, Role.ADMIN)
"""Who decides."""

_NAME = re.compile(r"[^\W_][\w.-]{1,39}")

_hasher = PasswordHasher()


@cache
def _nobody() -> str:
    """What a password is compared with for a name that nobody has, so that it takes as long."""
    return _hasher.hash(secrets.token_hex(16))


def create(name: str, password: str, role: Role, by_id: int | None = None, own: bool = False) -> Account:
    """A new account, which its person opens, or somebody else. Raises `Refusal` where name or password will not do."""
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise Refusal(
            "A name has 2 to 40 letters, digits, dots, dashes or underscores, and begins with a letter or digit."
        )
    if find(name):
        raise Conflict(f"The name {name} is taken. Please choose another.")
    account = Account(name=name, key=key_of(name), password="", role=role, session="")
    _set_password(account, password)
    db.session.add(account)
    try:
        db.session.flush()
    except IntegrityError:  # somebody took it this very moment
        raise Conflict(f"The name {name} is taken. Please choose another.") from None
    audit.record(Event.ACCOUNT, account.id if own else by_id, account.id, role=role)
    return account


def find(name: str) -> Account | None:
    if not _NAME.fullmatch(name.strip()):  # not every text can be asked for
        return None
    return db.session.scalars(sa.select(Account).filter_by(key=key_of(name))).first()


def named(name: str) -> Account:
    """The account of that name. Raises `NotFound`."""
    account = find(name)
    if account is None:
        raise NotFound(f"There is no account named {name}.")
    return account


class Proof(NamedTuple):
    """Somebody knew the password of an account, as it was at that moment."""

    id: int
    password: str


def authenticate(name: str, password: str) -> Proof | None:
    """Which account, if the password is right. Takes as long for a name that nobody has."""
    account = find(name)
    proof = Proof(account.id, account.password) if account else Proof(0, _nobody())
    try:
        _hasher.verify(proof.password, password)
    except (VerificationError, InvalidHashError):
        return None
    return proof if account and not account.deactivated else None


def proven(proof: Proof | None) -> Account | None:
    """The account, if what was proven still holds, as part of a write transaction.

    While a password is looked at, it may be changed, and the account be closed.
    """
    if proof is None:
        return None
    same = sa.select(Account).filter_by(id=proof.id, password=proof.password, deactivated=None)
    return db.session.scalars(same).first()


def note_lockout(name: str) -> None:
    """There were so many wrong passwords for that name that signing in with it has to wait."""
    account = find(name)
    if account:
        with writing():
            audit.record(Event.LOCKOUT, None, account.id)


def set_password(account: Account, password: str, by_id: int | None = None) -> None:
    """A new password; whoever is signed in to the account is signed out."""
    _set_password(account, password)
    audit.record(Event.PASSWORD, by_id, account.id)


def _set_password(account: Account, password: str) -> None:
    passwords.check(password, account.name)
    account.password = _hasher.hash(password)
    end_sessions(account)
    if account.id is not None:
        db.session.execute(sa.delete(PasswordLink).filter_by(account_id=account.id))


def sign_out(account: Account, by_id: int | None = None) -> None:
    """Whoever is signed in to the account is signed out, wherever that is."""
    end_sessions(account)
    audit.record(Event.SIGN_OUT, by_id, account.id)


def end_sessions(account: Account) -> None:
    """Nobody is signed in to the account any more."""
    account.session = secrets.token_hex(16)
    if account.id is not None:
        db.session.execute(sa.delete(SignIn).filter_by(account_id=account.id))


def still_there(account: Account) -> None:
    """Raises `Refusal` for an account that is erased."""
    if account.erased:
        raise Refusal(f"{account.name} is erased: nobody can use that account again.")


def set_role(account: Account, role: Role, by_id: int | None = None) -> None:
    """Raises `Refusal` where it would leave the site without an admin."""
    still_there(account)
    if account.role is Role.ADMIN and not account.deactivated and role is not Role.ADMIN and _admins() == 1:
        raise Refusal(f"{account.name} is the only admin. Make somebody else an admin first.")
    if role is not account.role:
        audit.record(Event.ROLE, by_id, account.id, role=role, before=account.role)
    account.role = role
    account.entrusted = account.entrusted and role in STAFF


def deactivate(account: Account, by_id: int | None = None) -> None:
    """Nobody can sign in to it any more, and whoever is signed in is signed out.

    What it uploaded and decided stays as it is. Raises `Refusal` for the only admin.
    """
    may_go(account)
    if not account.deactivated:
        audit.record(Event.DEACTIVATE, by_id, account.id)
    account.deactivated = account.deactivated or now()
    end_sessions(account)


def may_go(account: Account) -> None:
    """Raises `Refusal` for the only admin."""
    if account.role is Role.ADMIN and not account.deactivated and _admins() == 1:
        raise Refusal(f"{account.name} is the only admin. Make somebody else an admin first.")


def reactivate(account: Account, by_id: int | None = None) -> None:
    still_there(account)
    if account.deactivated:
        audit.record(Event.REACTIVATE, by_id, account.id)
    account.deactivated = None


def set_entrusted(account: Account, entrusted: bool, by_id: int | None = None) -> None:
    """Whether an account sees escalated pictures. Raises `Refusal` for one that decides on none."""
    still_there(account)
    if entrusted and account.role not in STAFF:
        raise Refusal(f"{account.name} is a member: escalated pictures are for moderators and admins.")
    if entrusted is not account.entrusted:
        audit.record(Event.ENTRUST, by_id, account.id, entrusted=entrusted)
    account.entrusted = entrusted


def is_entrusted(account_id: int) -> bool:
    account = db.session.get(Account, account_id)
    return account is not None and account.entrusted and account.role in STAFF


def entrusted() -> list[Account]:
    """Everybody who sees escalated pictures, by name."""
    wanted = sa.select(Account).where(Account.entrusted, Account.role.in_(STAFF), Account.deactivated.is_(None))
    return list(db.session.scalars(wanted.order_by(Account.key)))


def set_shield(account: Account, level: int) -> None:
    """How far pictures are blurred for a moderator until pressed. Raises `Refusal` where there is no such level."""
    if level not in LEVELS:
        raise Refusal(f"The shield has the levels {LEVELS[0]} to {LEVELS[-1]}.")
    account.shield = level


def has_admin() -> bool:
    return _admins() > 0


def everybody() -> list[Account]:
    """All accounts, by name."""
    return list(db.session.scalars(sa.select(Account).order_by(Account.key)))


def _admins() -> int:
    # Locked where the database locks rows: of two admins who demote each other at once, one comes second.
    admins = sa.select(Account.id).filter_by(role=Role.ADMIN, deactivated=None).where(~Account.erased)
    return len(db.session.scalars(admins.with_for_update()).all())


def key_of(name: str) -> str:
    """The name as it is compared."""
    return name.strip().casefold()
