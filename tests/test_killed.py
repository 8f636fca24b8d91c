"""kill -9, of a worker or of everything, at any moment: what was acknowledged holds, and the living finish the rest."""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path

import pytest
import sqlalchemy as sa

from moderation import doctor
from moderation.canonical import canonical
from moderation.database import db
from moderation.fingerprint import fingerprint
from moderation.models import Decision, Entry, FingerprintRow, Picture, Role, Status
from moderation.parts import Parts

from .conftest import configure, near_copy
from .races import half_done, mosaic, slipped
from .server import Server, Visitor, serving

LEASE_SECONDS = 1.0

COPIES = ((0.7, 60), (0.8, 75), (0.6, 80))

KILLS = 100
"""Five uploads and marks are under way at each."""


def children(pid: int) -> dict[int, int]:
    """All processes that descend from that one, each with its parent."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found = {pid: 0}
    while more := {child: parent for child, parent in parents.items() if parent in found and child not in found}:
        found |= more
    del found[pid]
    return found


class Site:
    """The real server on an instance, people with browsers, and all the pictures they have."""

    def __init__(self, parts: Parts, instance: Path, person: Callable[..., int], seed: int) -> None:
        self.parts, self.instance, self.dice = parts, instance, random.Random(seed)
        configure(instance, f"LEASE_SECONDS = {LEASE_SECONDS}")
        self.names = [f"m{number}" for number in range(5)]
        self.ids = {name: person(name) for name in self.names} | {"mona": person("mona", Role.MODERATOR)}
        self.family: dict[bytes, int] = {}
        self.counts: Counter[str] = Counter()
        self.typical = 0.0  # seconds that it takes until all have their answers
        self.stack = ExitStack()
        self.server = self.start()
        self.people = {name: Visitor(self.server.address, keep=False).sign_in(name) for name in self.ids}
        for visitor in self.people.values():
            visitor._known_token()

    def start(self) -> Server:
        # What is acknowledged is written, so that it is there when everything is killed, the database server too.
        return self.stack.enter_context(serving(self.instance, MODERATION_DURABLE="true"))

    def file(self, number: int, copy: int | None) -> bytes:
        data = mosaic(number) if copy is None else near_copy(mosaic(number), *COPIES[copy])
        self.family[fingerprint(canonical(data)).pixels or b""] = number
        return data

    def kill_worker(self) -> None:
        workers = [
            child for child, parent in children(self.server.process.pid).items() if parent == self.server.process.pid
        ]
        os.kill(self.dice.choice(workers), signal.SIGKILL)

    def kill_everything(self) -> None:
        everything = [self.server.process.pid, *children(self.server.process.pid)]
        for pid in everything:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.server.process.wait(60)

    def restart(self) -> None:
        self.stack.close()
        self.server = self.start()
        for visitor in self.people.values():
            visitor.move(self.server.address)

    def rush(self, number: int, kill: Callable[[], None] | None) -> dict[str, bool]:
        """All at once: the last family's original is marked, its copies come, and the next original; and the kill.

        Returns who was told that it is done.
        """
        marked = self.picture(number - 1)
        jobs: list[tuple[str, Callable[[], int]]] = [
            (name, self.uploads(name, self.file(number - 1, copy))) for copy, name in enumerate(self.names[2:])
        ]
        jobs.append((self.names[number % 2], self.uploads(self.names[number % 2], self.file(number, None))))
        if marked:
            jobs.append(
                ("mona", lambda: self.people["mona"].post(f"/review/pictures/{marked}/mark", {"seen": ""}).status)
            )
        self.dice.shuffle(jobs)
        told: dict[str, bool] = {}

        def do(name: str, job: Callable[[], int]) -> None:
            try:
                told[name] = job() == 302
            except (OSError, HTTPException):
                told[name] = False

        threads = [threading.Thread(target=do, args=job) for job in jobs]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        if kill:
            time.sleep(self.dice.uniform(0, 1.2 * self.typical))
            kill()
        for thread in threads:
            thread.join(90)
        self.counts["sent"] += len(jobs)
        self.counts["acknowledged"] += sum(told.values())
        self.counts["marks acknowledged"] += told.get("mona", False)
        if all(told.values()):
            took = time.monotonic() - started
            self.typical += (took - self.typical) * (0.2 if self.typical else 1)
        self.counts["left half done"] += unfinished()
        return told

    def uploads(self, name: str, data: bytes) -> Callable[[], int]:
        return lambda: self.people[name].upload(data).status

    def picture(self, number: int) -> int | None:
        """The original of that family, where it can be marked."""
        db.session.rollback()
        pixels = fingerprint(canonical(mosaic(number))).pixels
        wanted = sa.select(Picture.id).join(Picture.fingerprint).where(FingerprintRow.pixels == pixels)
        return db.session.scalar(
            wanted.where(Picture.status.in_((Status.PUBLISHED, Status.REPLACED)), Picture.decision_id.is_(None))
        )

    def check(self, number: int, told: dict[str, bool]) -> None:
        """What was acknowledged is there, and nothing is half done."""
        assert half_done(self.family) == []
        of_members = sa.select(Picture.member_id, FingerprintRow.pixels).join(Picture.fingerprint)
        pictures = {(member, self.family[pixels]) for member, pixels in db.session.execute(of_members)}
        entries = sa.select(FingerprintRow.pixels).join(Entry, Entry.fingerprint_id == FingerprintRow.id)
        blocked = {self.family[pixels] for pixels in db.session.scalars(entries.where(Entry.withdrawn.is_(None)))}
        for name in self.names:
            of = number if name == self.names[number % 2] else number - 1
            assert not told.get(name) or (self.ids[name], of) in pictures, f"the upload of {name} is lost"
        assert not told.get("mona") or number - 1 in blocked, "a mark is lost"
        for file, thumbnail in db.session.execute(sa.select(Picture.file, Picture.thumbnail)):
            assert self.parts.store.has(file)
            assert self.parts.store.has(thumbnail)


def unfinished() -> int:
    db.session.rollback()
    count = sa.func.count()
    pending = db.session.scalar(sa.select(count).select_from(Picture).filter_by(status=Status.PENDING)) or 0
    return pending + (db.session.scalar(sa.select(count).select_from(Decision).where(Decision.lease.is_not(None))) or 0)


def wait_for_the_living() -> None:
    """Nobody restarts anything: a worker that lives takes over what the dead one left, once its lease is out."""
    deadline = time.monotonic() + LEASE_SECONDS + 30
    while unfinished():
        assert time.monotonic() < deadline, "nobody takes over what was left half done"
        time.sleep(0.02)


@pytest.fixture
def site(parts: Parts, instance: Path, person: Callable[..., int]) -> Iterator[Site]:
    site = Site(parts, instance, person, seed=5)
    yield site
    site.stack.close()


def test_what_was_acknowledged_survives_a_kill_at_any_moment(site, parts, long, database, request, tell):
    started = time.monotonic()
    server = request.getfixturevalue("postgres") if database == "postgresql" else None
    for number in (1, 2):  # how it is, and how long it takes, while nobody is killed
        site.check(number, site.rush(number, None))
    assert site.counts["acknowledged"] == site.counts["sent"]
    assert site.counts["marks acknowledged"] == 1
    for number in range(3, (KILLS if long else 3) + 3):
        everything = number % 3 == 0
        told = site.rush(number, site.kill_everything if everything else site.kill_worker)
        if everything:
            if server:
                db.session.remove()
                db.engine.dispose()
                server.crash()
                server.start()
            site.restart()
        wait_for_the_living()
        site.check(number, told)
        site.counts["everything killed" if everything else "workers killed"] += 1

    store = parts.store
    needed = {key for row in db.session.execute(sa.select(Picture.file, Picture.thumbnail)) for key in row}
    site.counts["files without a row"] = len({key for key, _ in store.stored()} - needed)
    assert [found.sentence for found in doctor.examine(parts, grace=0, sample=None) if not found.mended] == []
    assert {key for key, _ in store.stored()} == needed
    assert list(doctor.examine(parts, grace=0, sample=None)) == []
    assert slipped(site.family) == []
    tell(f"{database}: {dict(site.counts)}, nothing lost, in {time.monotonic() - started:.0f} s")
