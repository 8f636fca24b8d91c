"""What is kept no longer: picture files after their time, old checks, what an erased member leaves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from . import audit
from .accounts import end_sessions, may_go
from .appeals import down_before
from .audit import Event
from .columns import now
from .database import db, tune, vacuum, writing
from .errors import Refusal
from .models import (
    DOWN,
    Account,
    Action,
    Appeal,
    Check,
    Claim,
    Decision,
    Entry,
    FingerprintRow,
    KnownGood,
    Match,
    Picture,
    Role,
    Status,
)
from .parts import Parts
from .replica import PICTURES, bump

BATCH = 300
"""Pictures or checks in one transaction: others wait for no more."""


@dataclass(frozen=True)
class Retention:
    """How long things are kept; None for ever."""

    appeal: timedelta  # after a picture went down its member may appeal
    quarantine: timedelta | None  # after that, and after the last decision on it
    replaced: timedelta | None  # after the newer picture came on show
    checks: timedelta | None


@dataclass(frozen=True)
class Due:
    """How much there is to purge, or how much was purged."""

    quarantined: int
    replaced: int
    checks: int
    files: int = 0


def due(retention: Retention) -> Due:
    """What `purge` would delete now."""
    moment = now()
    return Due(
        _number(_quarantined(retention, moment)),
        _number(_replaced(retention, moment)),
        _number(_old_checks(retention, moment)),
    )


def purge(parts: Parts, retention: Retention) -> Due:
    """Delete what is kept no longer. Rows of pictures stay, and say what became of them; an entry stays as it is.

    Each batch is a transaction of its own; the files go after it. Broken off, what is left is swept up by `doctor`.
    """
    moment = now()
    quarantined, files = _purge_all(parts, _quarantined(retention, moment))
    replaced, more = _purge_all(parts, _replaced(retention, moment))
    done = Due(quarantined, replaced, _purge_checks(_old_checks(retention, moment)), files + more)
    with writing():
        audit.record(Event.PURGE, None, pictures=done.quarantined + done.replaced, checks=done.checks, files=done.files)
    tune()
    vacuum()
    return done


def erase(parts: Parts, account_id: int, by_id: int | None = None) -> Due:
    """A member's pictures and name are deleted, whatever state they are in; blocklist entries made of them stay.

    Raises `Refusal` for the only admin, and while a picture of theirs is escalated.
    """
    with writing():
        version = bump(PICTURES)
        account = db.session.get_one(Account, account_id)
        may_go(account)
        own = sa.select(Picture).filter_by(member_id=account_id)
        if db.session.scalar(own.with_only_columns(Picture.id).filter_by(status=Status.ESCALATED).limit(1)):
            raise Refusal(f"A picture of {account.name} is escalated. It has to be released first.")
        audit.record(Event.ERASE, by_id, account_id)
        # No sign-up can take such a name.
        account.name = account.key = f"(erased {account_id})"
        account.password = ""
        end_sessions(account)
        account.role, account.entrusted, account.deactivated = Role.MEMBER, False, account.deactivated or now()
        pictures = db.session.scalars(own.where(Picture.purged.is_(None))).all()
        for picture in pictures:
            if picture.status in (Status.PENDING, Status.HELD, Status.PUBLISHED, Status.REPLACED):
                picture.status, picture.lease = Status.ERASED, None
        ids = [picture.id for picture in pictures]
        db.session.execute(
            sa.update(Appeal).where(Appeal.picture_id.in_(own.with_only_columns(Picture.id))).values(text="")
        )
        db.session.execute(sa.delete(Claim).filter_by(account_id=account_id))
        db.session.flush()
        keys = _forget(ids, version)
    return Due(0, len(ids), 0, parts.store.discard(keys, needed))


def needed(keys: set[str]) -> set[str]:
    """Those of the picture files that a row names, in what is committed now."""
    found: set[str] = set()
    wanted = sorted(keys)
    with db.engine.connect() as connection:
        for start in range(0, len(wanted), BATCH):
            some = wanted[start : start + BATCH]
            named = sa.select(Picture.file, Picture.thumbnail)
            named = named.where(sa.or_(Picture.file.in_(some), Picture.thumbnail.in_(some)))
            found.update(*connection.execute(named))
    return keys & found


def _quarantined(retention: Retention, moment: datetime) -> sa.Select[Any] | None:
    if retention.quarantine is None:
        return None
    over = moment - retention.appeal - retention.quarantine
    untouched = _untouched_since(moment - retention.quarantine)
    return _unpurged(Picture.status.in_(DOWN), down_before(over), untouched, ~_appealed())


def _replaced(retention: Retention, moment: datetime) -> sa.Select[Any] | None:
    if retention.replaced is None:
        return None
    newer = aliased(Picture)
    came = newer.published < moment - retention.replaced
    given_way = sa.exists().where(newer.member_id == Picture.member_id, newer.id > Picture.id, came)
    return _unpurged(Picture.status == Status.REPLACED, given_way, _untouched_since(moment - retention.replaced))


def _unpurged(*which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(Picture.id).where(Picture.purged.is_(None), *which)


def _appealed() -> sa.ColumnElement[bool]:
    """Its appeal waits to be decided, for as long as it is down: when it comes back, the appeal has fallen away."""
    undecided = sa.or_(Appeal.decision_id.is_(None), Decision.undone.is_not(None))
    appealed = sa.exists().select_from(sa.outerjoin(Appeal, Decision, Appeal.decision_id == Decision.id))
    return appealed.where(Appeal.picture_id == Picture.id, undecided)


def _untouched_since(moment: datetime) -> sa.ColumnElement[bool]:
    """Nobody has decided anything on the picture since then, nor taken it back, nor on an appeal."""
    late = sa.or_(Decision.created >= moment, Decision.undone >= moment)
    acted = sa.exists().where(Action.picture_id == Picture.id, Action.decision_id == Decision.id, late)
    answered = sa.exists().where(Appeal.picture_id == Picture.id, Appeal.decision_id == Decision.id, late)
    return ~acted & ~answered


def _old_checks(retention: Retention, moment: datetime) -> sa.Select[Any] | None:
    if retention.checks is None:
        return None
    # What is held, refused or taken down is decided by what its checks say.
    settled = sa.or_(Picture.purged.is_not(None), Picture.status.in_((Status.PUBLISHED, Status.REPLACED)))
    old = sa.select(Check.id).join(Picture, Picture.id == Check.picture_id)
    return old.where(Check.created < moment - retention.checks, settled)


def _purge_all(parts: Parts, which: sa.Select[Any] | None) -> tuple[int, int]:
    """How many pictures were purged, and how many files went with them."""
    pictures = files = 0
    while which is not None:
        with writing():
            # Who decides on a picture waits, or has decided: what is due is looked up behind that.
            version = bump(PICTURES)
            ids = db.session.scalars(which.limit(BATCH)).all()
            keys = _forget(ids, version)
        files += parts.store.discard(keys, needed)
        pictures += len(ids)
        if len(ids) < BATCH:
            break
    return pictures, files


def _forget(ids: Sequence[int], version: int) -> set[str]:
    """The rows let go of files and fingerprints; the keys of the files, which other rows may need."""
    keys: set[str] = set()
    for start in range(0, len(ids), BATCH):
        some = ids[start : start + BATCH]
        found = db.session.execute(
            sa.select(Picture.file, Picture.thumbnail, Picture.fingerprint_id).where(Picture.id.in_(some))
        ).all()
        keys.update(key for row in found for key in (row.file, row.thumbnail))
        forgotten = sa.update(Picture).where(Picture.id.in_(some))
        db.session.execute(
            forgotten.values(purged=now(), file="", thumbnail="", fingerprint_id=None, version=version),
            execution_options={"synchronize_session": False},
        )
        prints = [row.fingerprint_id for row in found if row.fingerprint_id]
        unused = sa.delete(FingerprintRow).where(FingerprintRow.id.in_(prints))
        for other in (Entry, KnownGood, Picture):
            unused = unused.where(~sa.exists().where(other.fingerprint_id == FingerprintRow.id))
        db.session.execute(unused, execution_options={"synchronize_session": False})
    return keys


def _purge_checks(which: sa.Select[Any] | None) -> int:
    number = 0
    while which is not None:
        with writing():
            ids = db.session.scalars(which.limit(BATCH)).all()
            for kind, column in ((Match, Match.check_id), (Check, Check.id)):
                gone = sa.delete(kind).where(column.in_(ids))
                db.session.execute(gone, execution_options={"synchronize_session": False})
        number += len(ids)
        if len(ids) < BATCH:
            break
    return number


def _number(which: sa.Select[Any] | None) -> int:
    return 0 if which is None else db.session.scalar(sa.select(sa.func.count()).select_from(which.subquery())) or 0
