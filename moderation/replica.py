"""A versioned list in the database, and a process's copy of it that catches up before it is asked."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, cast

import sqlalchemy as sa

from .database import db, glance
from .fingerprint import Fingerprint
from .matcher import BATCH, Matcher
from .matching import Hit, Policy
from .models import Counter

BLOCKLIST = "blocklist"
PICTURES = "pictures"
KNOWN_GOOD = "known_good"
AUDIT = "audit"

# On the table rather than the class: every upload does it twice, and an open grid once a second.
_COUNTERS = cast(sa.Table, Counter.__table__)
_RAISE = (
    sa.update(_COUNTERS)
    .where(_COUNTERS.c.name == sa.bindparam("list"))
    .values(version=_COUNTERS.c.version + 1)
    .returning(_COUNTERS.c.version)
)
_NOW = sa.select(_COUNTERS.c.epoch, _COUNTERS.c.version).where(_COUNTERS.c.name == sa.bindparam("list"))


def bump(name: str) -> int:
    """The list's next version, for the rows that this transaction changes.

    The first statement of a write transaction: until its end, whoever else changes the list waits here. A
    transaction that changes several takes the blocklist first, then the pictures, then the known-good ones, and the
    audit log last of all.
    """
    return int(db.session.execute(_RAISE, {"list": name}).scalar_one())


class Moment(NamedTuple):
    """How a list is at some moment. After a restored backup its versions come again, in another epoch."""

    epoch: str
    version: int


def moment(name: str) -> Moment:
    """That of the list in the database now."""
    return Moment(*db.session.execute(_NOW, {"list": name}).one())


@dataclass(frozen=True)
class Change:
    """A row of the list that is new or different: its fingerprint, or None where it is no longer on the list."""

    id: int
    fingerprint: Fingerprint | None


class Replica:
    """A copy of a list of fingerprints, for any number of threads. Every answer rests on all that is committed.

    The version and the epoch of the copy tell what it lacks; that it lacks nothing costs one small query.
    """

    counter: str
    weak_by_hash: bool

    def __init__(self, make: Callable[[], Matcher]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._epoch = ""
        self._version = -1
        self._matcher = make()

    def near(self, asked: Fingerprint, policy: Policy, by_hash: bool = True, direct: bool = False) -> list[Hit]:
        """As `Matcher.near`, on the list as it is in the database now."""
        with self._lock:
            self.catch_up()
            return self._matcher.near(asked, policy, by_hash, direct)

    def __len__(self) -> int:
        with self._lock:
            self.catch_up()
            return len(self._matcher)

    @property
    def version(self) -> int:
        """Of the list, up to which this copy is."""
        return self._version

    def catch_up(self) -> None:
        if glance(_NOW, {"list": self.counter}) == (self._epoch, self._version):
            return
        # On a connection of its own, to see only what is committed: a row that
        # is rolled back later must never enter the copy.
        with db.engine.connect() as connection:
            epoch, version = connection.execute(_NOW, {"list": self.counter}).one()
            if epoch != self._epoch:
                self._matcher, self._version = self._make(), -1
            if self._version < 0:
                connection = connection.execution_options(yield_per=BATCH)  # or a driver would have all rows at once
            if version != self._version:
                # Rows above the version just read are the next look's: they may not be all of that version.
                self._apply(self._changes(connection, self._version, version))
                self._epoch, self._version = epoch, version

    def _changes(self, connection: sa.Connection, after: int, upto: int) -> Iterable[Change]:
        """The rows whose version lies in that range: after < version <= upto."""
        raise NotImplementedError

    def _apply(self, changes: Iterable[Change]) -> None:
        def here() -> Iterator[tuple[int, Fingerprint]]:
            for change in changes:
                if change.fingerprint is None:
                    self._matcher.drop(change.id)
                else:
                    yield change.id, change.fingerprint

        self._matcher.put(here(), self.weak_by_hash)
