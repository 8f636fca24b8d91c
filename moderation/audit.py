"""The audit log: who did what, to what and when, each row chained to the one before."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session, joinedload

from .columns import now
from .database import db
from .models import Account, Action, Counter, Decision, Entry, Kind, KnownGood, Record
from .replica import AUDIT, bump


class Event(StrEnum):
    """What the log tells of. Decisions go by the names of their kinds."""

    MARK = "mark"
    APPROVE = "approve"
    IMPORT = "import"
    WITHDRAW = "withdraw"
    UPHOLD = "uphold"
    OVERTURN = "overturn"
    ESCALATE = "escalate"
    UNDO = "undo"
    RESTORE = "restore"  # an entry blocks again
    RELEASE = "release"  # an escalated picture is
    REVERSAL = "reversal"  # one of all that an account decided since a time is taken back
    SWEEP = "sweep"  # what a decision did to other pictures; nobody's doing but that decision's
    TAKE_OVER = "take over"  # a picture that somebody else was looking at
    ALLOW = "allow"  # a picture is known good
    DISALLOW = "disallow"
    ACCOUNT = "account"  # is created
    ROLE = "role"
    ENTRUST = "entrust"
    DEACTIVATE = "deactivate"
    REACTIVATE = "reactivate"
    ERASE = "erase"  # an account, with its name and pictures
    PASSWORD = "password"  # noqa: S105 - the word for it
    LINK = "link"  # with which a person sets a new password, is made
    SIGN_IN = "sign in"  # of a moderator or an admin
    SIGN_OUT = "sign out"  # everywhere
    LOCKOUT = "lockout"  # there were too many wrong passwords
    TOKEN = "token"  # noqa: S105
    REVOKE = "revoke"
    SETTINGS = "settings"  # are others than at the last start
    EXPORT = "export"  # a table was downloaded
    BACKUP = "backup"  # the whole site was written to a file
    RESTORED = "restored"  # a backup took the place of what was there
    PURGE = "purge"  # what is kept no longer was deleted


FIRST = bytes(32)
"""What the first row is chained to."""

SECRET = {"SECRET_KEY"}
"""Settings of which the log says nothing."""

BATCH = 1000

_PENDING = "audit"


@dataclass(frozen=True)
class Head:
    """Where the log ends: its last row and that one's hash. Kept elsewhere, it proves that all before is unchanged."""

    id: int
    hash: bytes
    created: datetime | None

    def __str__(self) -> str:
        return f"{self.id}:{self.hash.hex()}"


class Broken(Exception):  # noqa: N818 - a finding
    """The log is not whole; the message names the first row where that shows."""


def record(event: Event, by_id: int | None, account_id: int | None = None, **about: object) -> None:
    """Write down with the transaction that is under way what is done in it: when that commits, and only then.

    `by_id` is None for the command line, `account_id` the account that it was done to. Of rows among `about` the ids
    are written down; of a decision, what it decided on too.
    """
    db.session.info.setdefault(_PENDING, []).append((event, by_id, account_id, about))


@sa.event.listens_for(db.session, "before_commit")
def _write(session: Session) -> None:
    # Last of all: whoever holds the log waits for no other list, and ids are known by now.
    pending = session.info.pop(_PENDING, ())
    if not pending:
        return
    session.flush()
    for event, by_id, account_id, about in pending:
        described: dict[str, object] = {}
        for name, value in about.items():
            described |= _described(name, value)
        id_ = bump(AUDIT)
        before = session.scalar(sa.select(Record.hash).filter_by(id=id_ - 1)) or FIRST
        row = Record(id=id_, created=now(), by_id=by_id, kind=event, account_id=account_id, about=_json(described))
        row.hash = _chained(before, row.id, row.created, row.by_id, row.kind, row.account_id, row.about)
        session.add(row)
        session.flush()


@sa.event.listens_for(db.session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(_PENDING, None)


@sa.event.listens_for(Record, "before_update")
@sa.event.listens_for(Record, "before_delete")
def _never(_mapper: object, _connection: object, row: Record) -> None:
    raise RuntimeError(f"Row {row.id} of the audit log is written: nothing changes or removes it.")


def _described(name: str, value: object) -> dict[str, object]:
    if isinstance(value, Decision):
        return {name: value.id, **{what: ids for what, ids in _touched(value.id).items() if ids}}
    if hasattr(value, "id"):
        return {name: value.id}
    return {name: value}


def _touched(decision_id: int) -> dict[str, list[int]]:
    """What a decision has decided on so far: a sweep comes later, and has a row of its own."""
    queries = {
        "pictures": sa.select(Action.picture_id).filter_by(decision_id=decision_id, entry_id=None),
        "entries": sa.select(Entry.id).filter_by(decision_id=decision_id),
        "withdrawn": sa.select(Entry.id).filter_by(withdrawal_id=decision_id),
        "known_good": sa.select(KnownGood.id).filter_by(decision_id=decision_id),
        "disallowed": sa.select(KnownGood.id).filter_by(removal_id=decision_id),
    }
    return {what: sorted(set(db.session.scalars(query))) for what, query in queries.items()}


def decided(kind: Kind) -> Event:
    """The event that a decision of that kind is."""
    return Event(kind.value)


def verify(seen: Head | None = None) -> Head:
    """Go through the whole log; where it ends. Raises `Broken` at the first row that was changed, removed or put in.

    `seen` is where it ended some time ago: up to there it has to be the same log.
    """
    hash_, created, expected = FIRST, None, 0
    for row in _rows():
        expected += 1
        id_, at = row[0], row[1]
        if id_ != expected:
            raise Broken(f"Row {expected} of the audit log is missing.")
        if at is None or row[-1] != _chained(hash_, *row[:-1]):
            raise Broken(f"Row {id_} of the audit log was changed, or is not the one that followed row {id_ - 1}.")
        hash_, created = row[-1], at
        if seen and seen.id == id_ and seen.hash != hash_:
            raise Broken(f"The audit log was written anew: row {id_} is not the one that was there.")
    counted = db.session.scalar(sa.select(Counter.version).filter_by(name=AUDIT)) or 0
    ends = max(counted, seen.id if seen else 0)
    if expected < ends:
        raise Broken(f"Row {expected + 1} of the audit log is missing, and all up to row {ends}: its end was cut off.")
    if expected > counted:
        raise Broken(f"Row {counted + 1} of the audit log was put in: {counted} were counted.")
    return Head(expected, hash_, created)


def parse_head(text: str) -> Head:
    """What `Head` is printed as. Raises `ValueError`."""
    number, _, hash_ = text.partition(":")
    return Head(int(number), bytes.fromhex(hash_), None)


Row = tuple[int, datetime | None, int | None, str, int | None, str, bytes]


def _rows() -> Iterator[Row]:
    """Every row, in order, as it lies in the database; without its time where that is none."""
    columns = (Record.id, Record.by_id, Record.kind, Record.account_id, Record.about, Record.hash)
    after: int | None = None
    while True:
        page = sa.select(*columns).order_by(Record.id).limit(BATCH)
        found = db.session.execute(page if after is None else page.where(Record.id > after)).all()
        if not found:
            return
        after = found[-1][0]
        times = _times(found[0][0], after)
        for id_, by_id, kind, account_id, about, hash_ in found:
            yield id_, times.get(id_), by_id, kind, account_id, about, hash_


def _times(first: int, last: int) -> Mapping[int, datetime]:
    """When the rows were written, by id."""
    wanted = sa.select(Record.id, Record.created).where(Record.id.between(first, last))
    try:
        return {row[0]: row[1] for row in db.session.execute(wanted)}
    except (ValueError, TypeError):  # SQLite keeps whatever is written into a column
        if first == last:
            return {}
        middle = (first + last) // 2
        return {**_times(first, middle), **_times(middle + 1, last)}


def _chained(before: bytes, *content: object) -> bytes:
    written = [value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value for value in content]
    return hashlib.sha256(before + _json(written).encode()).digest()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)


def listed(limit: int, before: int | None = None, person: str = "", kinds: Sequence[str] = ()) -> Sequence[Record]:
    """Rows, latest first: all, or of a kind, or by or about people whose names hold `person`."""
    wanted = sa.select(Record).options(joinedload(Record.by), joinedload(Record.account))
    if before is not None:
        wanted = wanted.where(Record.id < before)
    if kinds:
        wanted = wanted.where(Record.kind.in_(kinds))
    if person.strip():
        named = sa.select(Account.id).where(Account.key.contains(person.strip().casefold(), autoescape=True))
        wanted = wanted.where(sa.or_(Record.by_id.in_(named), Record.account_id.in_(named)))
    return db.session.scalars(wanted.order_by(Record.id.desc()).limit(limit)).all()


def told(row: Record) -> str:
    """What a row says beside who, what and when: "decision 7, pictures 3 and 4"."""
    about: dict[str, Any] = json.loads(row.about)
    return ", ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in about.items())


def _value(value: object) -> str:
    if isinstance(value, list):
        return " ".join(str(one) for one in value)
    if isinstance(value, dict):
        return "; ".join(f"{name}: {before} → {after}" for name, (before, after) in value.items())
    return str(value)


def notice_settings(settings: Mapping[str, object]) -> None:
    """Record, as part of a transaction, how the settings differ from those that were last recorded."""
    before: dict[str, object] = {}
    for about in db.session.scalars(sa.select(Record.about).filter_by(kind=Event.SETTINGS).order_by(Record.id)):
        before |= {name: after for name, (_, after) in json.loads(about)["changed"].items()}
    after = {name: _harmless(name, value) for name, value in settings.items() if name not in SECRET}
    changed = {
        name: [before.get(name), after.get(name)]
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    }
    if changed:
        record(Event.SETTINGS, None, changed=changed)


def _harmless(name: str, value: object) -> object:
    """A setting as the log may show it: without the password in an address."""
    if name.endswith("_URL") and value:
        try:
            return sa.make_url(str(value)).render_as_string(hide_password=True)
        except ArgumentError:
            return "an address that cannot be read"
    return value if isinstance(value, str | int | float | bool | None) else str(value)
