"""Tokens: what other software shows to be let in."""

import hashlib
import re
import secrets
import time
from typing import cast

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from . import audit
from .audit import Event
from .columns import now
from .database import db, glance
from .errors import Conflict, NotFound, Refusal
from .models import Token

PREFIX = "mod_"
"""What every token begins with, so that one is known for what it is wherever it turns up."""

REMEMBERED = 600.0
"""Seconds for which a process remembers that a token was valid."""

_BYTES = 32
_TOKENS = cast(sa.Table, Token.__table__)
_VALID = sa.select(_TOKENS.c.id).where(_TOKENS.c.hash == sa.bindparam("hash"), _TOKENS.c.revoked.is_(None))
_NAME = re.compile(r"[^\W_][\w.-]{0,39}")
_seen: dict[bytes, float] = {}


def create(name: str) -> str:
    """A new token for the software of that name: the token itself, which nobody can read again.

    Raises `Refusal` where the name will not do or is taken, be it by a token that was revoked.
    """
    if not _NAME.fullmatch(name):
        raise Refusal(
            "A name has 1 to 40 letters, digits, dots, dashes or underscores, and begins with a letter or digit."
        )
    if _find(name):
        raise _taken(name)
    secret = PREFIX + secrets.token_urlsafe(_BYTES)
    token = Token(name=name, hash=_hash(secret))
    db.session.add(token)
    audit.record(Event.TOKEN, None, token=token)
    try:
        db.session.flush()
    except IntegrityError:  # somebody took it this very moment
        raise _taken(name) from None
    return secret


def is_valid(secret: str) -> bool:
    """Whether that is a token that has not been revoked."""
    if not secret.startswith(PREFIX):
        return False
    # Other software may ask hundreds of times a second, and needs no session.
    return glance(_VALID, {"hash": _hash(secret)}) is not None


def is_valid_or_was(secret: str) -> bool:
    """For whoever watches: while the database cannot be asked, one that was valid minutes ago is good enough."""
    hash_ = _hash(secret)
    try:
        valid = is_valid(secret)
    except sa.exc.OperationalError:
        if time.monotonic() - _seen.get(hash_, -REMEMBERED) < REMEMBERED:
            return True
        raise
    if valid:
        _seen[hash_] = time.monotonic()
    else:
        _seen.pop(hash_, None)
    return valid


def revoke(name: str) -> None:
    """From the next request on, the token is good for nothing. Raises `NotFound`, or `Conflict` if it was revoked."""
    change = sa.update(Token).where(Token.name == name, Token.revoked.is_(None)).values(revoked=now())
    revoked = db.session.scalars(change.returning(Token.id)).first()
    if revoked is None:
        if _find(name) is None:
            raise NotFound(f"There is no token named {name}.")
        raise Conflict(f"The token {name} was revoked already.")
    audit.record(Event.REVOKE, None, token=revoked)


def everything() -> list[Token]:
    """All tokens, revoked ones too, by name."""
    return list(db.session.scalars(sa.select(Token).order_by(Token.name)))


def _find(name: str) -> Token | None:
    return db.session.scalars(sa.select(Token).filter_by(name=name)).first()


def _taken(name: str) -> Conflict:
    return Conflict(f"There is or was a token named {name}. Please choose another name.")


def _hash(secret: str) -> bytes:
    # Not salted, not slow: what is hashed is as long as the hash, and nobody chose it.
    return hashlib.sha256(secret.encode()).digest()
