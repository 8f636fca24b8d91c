"""Law 2 in every order: uploads, marks and all that takes them back, paused between their steps, and killed there."""

import dataclasses
import itertools
import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from moderation import sweeping, uploads
from moderation.app import create_app
from moderation.context import EXTENSION
from moderation.database import db, writing
from moderation.models import Counter as ListCounter
from moderation.parts import Parts

from .conftest import TESTING, of_their_own
from .races import (
    WEIGHTS,
    Cast,
    Deed,
    Deeds,
    are_as_the_races_need_them,
    half_done,
    not_restored,
    people,
    slipped,
    told_no,
)

AT_ONCE = 3
"""Processes that are in the middle of something."""

INTERLEAVED = 20_000
"""Deeds among whose steps others' came, on each database."""

FEW = 50
"""The same in haste."""

WANTED = ("two windows", "restored by undo", "killed")
"""What is to be among them."""


def test_the_pictures_of_the_races_are_near_copies_and_nothing_else():
    assert are_as_the_races_need_them()


class Killed(BaseException):
    """As by kill -9: nothing that catches exceptions catches it."""


_self = threading.local()


class Running:
    """A deed under way in a process of its own, which stands still wherever it is about to ask the database."""

    def __init__(self, app: Flask, parts: Parts, kind: str, deed: Deed) -> None:
        self.kind, self.parts, self.undoes = kind, parts, 0
        self.begun = self.mixed = False  # whether it has made a step, and another one has made its own meanwhile
        self.done = self.declined = self._kill = self._fell = False
        self.failure: BaseException | None = None
        self._go, self._paused = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, args=(app, deed), daemon=True)
        self._thread.start()

    def _run(self, app: Flask, deed: Deed) -> None:
        self._go.acquire()
        _self.running = self
        with app.app_context():
            try:
                if self._kill:
                    raise Killed
                self.declined = told_no(deed, self.parts)
            except Killed:
                self.declined = True
            except BaseException as failure:
                self.failure = failure
            _self.running = None
            db.session.remove()
        self.done = True
        self._paused.release()

    def step(self) -> bool:
        """Let it go on to its next pause; whether it has returned."""
        self._go.release()
        assert self._paused.acquire(timeout=60), f"{self.kind} hangs"
        if self.done:
            self._thread.join()
            if self.failure:
                raise self.failure
        return self.done

    def kill(self) -> None:
        self._kill = True
        self.step()

    def pause(self, may_die: bool) -> None:
        if self._fell:
            return  # what it does while it falls is done by the database, for a process that is gone
        if not self._kill:
            self._paused.release()
            self._go.acquire()
        if self._kill and may_die:
            self._fell = True
            raise Killed


def before(*_: object) -> None:
    """Between any two steps of a deed: never while it holds the writers' lock, where others could not go on."""
    running = getattr(_self, "running", None)
    if running and not db.session.info.get("writing"):
        running.pause(may_die=True)


def after(*_: object) -> None:
    running = getattr(_self, "running", None)
    if running and not db.session.info.get("writing"):
        running.pause(may_die=False)  # the pool would lose the connection; it dies before it does anything more


class Stage:
    """A site on which deeds are interleaved; reset between examples, which is faster than another."""

    def __init__(self, app: Flask, processes: list[Parts]) -> None:
        self.app, self.processes = app, processes
        self.counts: Counter[str] = Counter()
        sa.event.listen(db.engine, "checkout", before)
        sa.event.listen(db.engine, "checkin", after)

    def reset(self) -> Cast:
        db.session.remove()
        with writing():
            for table in reversed(db.metadata.sorted_tables):
                if table is not ListCounter.__table__:
                    db.session.execute(sa.delete(table))
            # The lists begin anew, and every process's copy with them.
            for counter in db.session.scalars(sa.select(ListCounter)):
                counter.version, counter.epoch = 0, f"{self.counts['examples']}"
        self.counts["examples"] += 1
        return people()


ALONE = {"upload", "ask", "uphold", "approve", "approve_all", "finish"}
"""Deeds that change no entry: beside them, what one undo restores can be told."""


class Interleaved(RuleBasedStateMachine):
    """Up to three deeds at once, each a step at a time, in an order that Hypothesis chooses."""

    stage: Stage

    def __init__(self) -> None:
        super().__init__()
        self.running: list[Running] = []
        self.group: list[Running] = []  # since nothing was under way
        self.windows: list[list[Running]] = []
        self.killed = 0
        self.deeds = Deeds(self.stage.reset(), random.Random(0))
        for kind in ("upload", "upload", "mark", "upload", "upload", "ask"):
            self._begin(self.deeds.one(kind))
            while self.running:
                self._go_on(0, 1000)

    @precondition(lambda self: len(self.running) < AT_ONCE)
    @rule(kind=st.sampled_from([kind for kind, weight in WEIGHTS.items() for _ in range(weight)]), seed=st.integers(0))
    def begin(self, kind: str, seed: int) -> None:
        self.deeds.dice.seed(seed)
        self._begin(self.deeds.one(kind))

    @precondition(lambda self: len(self.running) < AT_ONCE - 1)
    @rule(seed=st.integers(0), kinds=st.sampled_from([("mark", "mark"), ("mark", "approve"), ("approve", "approve")]))
    def two_windows_of_one_moderator(self, seed: int, kinds: tuple[str, str]) -> None:
        self.deeds.dice.seed(seed)
        self.windows.append([one for found in self.deeds.two_windows(kinds) if (one := self._begin(found))])

    @precondition(lambda self: not self.running)
    @rule(seed=st.integers(0), beside=st.sampled_from(sorted(ALONE)))
    def undo_beside(self, seed: int, beside: str) -> None:
        """By chance alone an undo seldom runs beside nothing but deeds that change no entry."""
        self.deeds.dice.seed(seed)
        if self._begin(self.deeds.one("undo")):
            self._begin(self.deeds.one(beside))

    @precondition(lambda self: self.running)
    @rule(number=st.integers(0, AT_ONCE), steps=st.sampled_from([1, 1, 2, 3, 5, 8, 1000]))
    def go_on(self, number: int, steps: int) -> None:
        self._go_on(number % len(self.running), steps)

    @precondition(lambda self: self.running)
    @rule(number=st.integers(0, AT_ONCE), rare=st.integers(0, 5))
    def kill(self, number: int, rare: int) -> None:
        if rare == 0:
            self.running.pop(number % len(self.running)).kill()
            self.killed += 1
            self.stage.counts["killed"] += 1
            self._ended()

    def _begin(self, found: tuple[str, Deed] | None) -> Running | None:
        if found is None:
            return None
        busy = [one.parts for one in self.running]
        parts = next(parts for parts in self.stage.processes if not any(parts is one for one in busy))
        one = Running(self.stage.app, parts, *found)
        one.undoes = self.deeds.undoes if one.kind == "undo" else 0
        self.running.append(one)
        self.group.append(one)
        self.stage.counts[one.kind] += 1
        return one

    def _go_on(self, number: int, steps: int) -> None:
        one = self.running[number]
        one.begun = True
        for other in self.running:
            if other is not one and other.begun:
                one.mixed = other.mixed = True
        for _ in range(steps):
            self.stage.counts["steps"] += 1
            if one.step():
                self.running.remove(one)
                self.stage.counts["declined"] += one.declined
                assert slipped() == [], f"when {one.kind} had returned"
                self._ended()
                return

    def _ended(self) -> None:
        """When nothing is under way any more."""
        if self.running:
            return
        with self.stage.app.app_context():
            while sweeping.finish_work(self.stage.processes[0]):
                pass
            db.session.remove()
        assert half_done() == []
        kinds = [one.kind for one in self.group]
        changing = [one for one in self.group if one.kind not in ALONE]
        if not self.killed and len(changing) == 1 and changing[0].undoes and not changing[0].declined:
            assert not_restored(changing[0].undoes) == []
            self.stage.counts["restored by undo"] += len(self.group) > 1
        if not self.killed and not {"undo", "restore", "overturn", "release"} & set(kinds):
            for pair in self.windows:
                assert sum(not one.declined for one in pair) <= 1, "both windows of one moderator had their way"
                self.stage.counts["two windows"] += 1
        mixed = sum(one.mixed for one in self.group)
        self.stage.counts["groups"] += mixed > 0
        self.stage.counts["interleaved"] += mixed
        self.group, self.windows, self.killed = [], [], 0

    def teardown(self) -> None:
        while self.running:
            self._go_on(0, 1000)


def read_once(monkeypatch: pytest.MonkeyPatch, parts: Parts) -> None:
    """Decode and encode each picture once: the races are between what comes after that."""
    images: dict[bytes, object] = {}
    made: dict[tuple[str, bytes], object] = {}

    def pixels(data: bytes) -> object:
        if data not in images:
            images[data] = parts.decoder.pixels(data)
        return images[data]

    def once(name: str) -> Callable[[object], object]:
        make = getattr(uploads, name)

        def get(image: np.ndarray) -> object:
            key = name, image.tobytes()
            if key not in made:
                made[key] = make(image)
            return made[key]

        return get

    for name in ("fingerprint", "encode", "thumbnail"):
        monkeypatch.setattr(uploads, name, once(name))
    return pixels


@pytest.fixture
def stage(app: Flask, instance: Path, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    class Once:
        pixels = staticmethod(read_once(monkeypatch, parts))

    # Each process has copies of its own of the lists, and its leases are out at once: others take its work over
    # while it is still at it, which it must bear.
    processes = [
        dataclasses.replace(
            create_app(instance, **TESTING).extensions[EXTENSION], lease=timedelta(seconds=-1), decoder=Once()
        )
        for _ in range(AT_ONCE)
    ]
    stage = Stage(app, processes)
    yield stage
    sa.event.remove(db.engine, "checkout", before)
    sa.event.remove(db.engine, "checkin", after)


def test_in_whatever_order_the_steps_of_three_processes_come_nothing_slips(stage, long, database, tell):
    Interleaved.stage = stage
    started, counts = time.monotonic(), stage.counts
    for attempt in itertools.count(1) if long else range(1, 16):
        run_state_machine_as_test(
            Interleaved if long else seed(attempt)(Interleaved),
            settings=settings(
                max_examples=500 if long else 8,
                stateful_step_count=150 if long else 60,  # to begin a new site takes as long as sixty
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate],  # what fails is long; made shorter it takes minutes and says no more
            ),
        )
        # In haste always the same few, until all that is asked for was among them.
        enough = counts["interleaved"] > (INTERLEAVED if long else FEW)
        if enough and all(counts[name] for name in WANTED):
            break
    took, said = time.monotonic() - started, f"{counts['interleaved']} deeds interleaved in {counts['groups']} groups"
    tell(f"{database}: {said}, none slipped, in {took:.0f} s: {dict(counts)}")
    assert counts["interleaved"] > FEW
    assert [name for name in WANTED if not counts[name]] == []


# --- real processes -------------------------------------------------------------------------


def race(instance: Path, cast: Cast, seed: int, deeds: int, barrier: threading.Barrier, answers: Any) -> None:
    """In a process of its own: one thing after the other, and after each a look at what is on show."""
    app = create_app(instance, **TESTING)
    done: Counter[str] = Counter()
    with app.app_context():
        try:
            parts, chosen = app.extensions[EXTENSION], Deeds(cast, random.Random(seed))
            barrier.wait(120)
            while done["deeds"] < deeds:
                if found := chosen.any():
                    kind, deed = found
                    done["declined"] += told_no(deed, parts)
                    done["deeds"] += 1
                    done[kind] += 1
                    if slip := slipped():
                        raise AssertionError(f"{slip}, when {kind} had returned")
            answers.put(done)
        except BaseException:
            answers.put(traceback.format_exc())
        db.session.remove()
        db.engine.dispose()


def test_whatever_processes_do_at_once_nothing_slips(app, instance, long, database, tell):
    cast, context, started = people(), of_their_own(), time.monotonic()
    processes, deeds = (3, 2000) if long else (2, 60)
    barrier, answers = context.Barrier(processes), context.Queue()
    workers = [
        context.Process(target=race, args=(instance, cast, seed, deeds, barrier, answers)) for seed in range(processes)
    ]
    for worker in workers:
        worker.start()
    told = [answers.get(timeout=3600) for _ in workers]
    for worker in workers:
        worker.join(60)
    failures = [failure for failure in told if isinstance(failure, str)]
    assert not failures, "\n".join(failures)
    assert half_done() == []
    counts: Counter[str] = sum(told, Counter())
    took, said = time.monotonic() - started, f"{counts['deeds']} deeds of {processes} processes"
    tell(f"{database}: {said}, none slipped, in {took:.0f} s: {dict(counts)}")
    assert counts["deeds"] == processes * deeds
