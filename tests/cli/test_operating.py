"""The real server under requests: counting together, logging, stopped and started anew without a refused request."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import pytest
import sqlalchemy as sa

from moderation.audit import Event
from moderation.database import db
from moderation.metrics import MEMORY
from moderation.models import Record, Role
from tests.conftest import configure
from tests.server import Visitor, serving


def test_processes_count_together_and_leave_nothing_behind(app, instance, person, draw) -> None:
    person("ana")
    with serving(instance) as server:
        for number in range(6):  # each over a connection of its own, to whichever worker
            with Visitor(server.address) as visitor:
                visitor.sign_in("ana").upload(draw(number, 160))
        with Visitor(server.address) as visitor:
            text = visitor.get("/metrics").text
            assert visitor.get("/readyz").status == 200
        opened = "".join(Path(f"/proc/{pid}/maps").read_text() for pid in workers(server))
        (folder,) = {Path(found) for found in re.findall(rf"{MEMORY}/moderation-metrics-\w+", opened)}
        assert folder.is_dir()
    assert 'moderation_checks_total{occasion="upload",verdict="publish"} 6.0' in text
    assert re.search(r'moderation_requests_total\{method="POST",route="/picture",status="302"\} 6\.0', text)
    assert not folder.exists()


def test_the_log_is_a_line_of_json_for_each_request(app, instance, person, draw) -> None:
    person("Ana.Maria", Role.MODERATOR)
    with serving(instance, "--log-format", "json", stderr=subprocess.PIPE) as server:
        with Visitor(server.address) as visitor:
            visitor.sign_in("Ana.Maria").upload(draw(1, 160))
            visitor.get("/review/pictures/1?seen=Ana.Maria")
        server.process.terminate()
        said = server.process.stderr.read().decode()
    lines = [json.loads(line) for line in said.splitlines()]
    requests = [line for line in lines if line["logger"] == "moderation.access"]
    assert {"method": "POST", "route": "/picture", "status": 302}.items() <= requests[-2].items()
    assert requests[-1]["route"] == "/review/pictures/<int:picture_id>"
    assert requests[-1]["account"] == 1
    assert len({line["request"] for line in requests}) == len(requests)
    assert "Maria" not in said
    assert [line["level"] for line in lines if line["level"] == "error"] == []


class Crowd:
    """People who ask without a pause, some over connections that they keep, until they are stopped."""

    def __init__(self, address: str, size: int = 4) -> None:
        self.answers: list[int] = []
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._people = [threading.Thread(target=self._ask, args=(address, number % 2 == 0)) for number in range(size)]
        for one in self._people:
            one.start()

    def _ask(self, address: str, keep: bool) -> None:
        with Visitor(address, keep) as visitor:
            while not self._stop.is_set():
                try:
                    self.answers.append(visitor.get("/sign-in").status)
                except OSError as error:
                    self.failures.append(repr(error))

    def wait_for(self, more: int) -> None:
        wanted, deadline = len(self.answers) + more, time.monotonic() + 60
        while len(self.answers) < wanted:
            assert time.monotonic() < deadline, f"{len(self.answers)} answers, {self.failures[:3]}"
            time.sleep(0.02)

    def stop(self) -> None:
        self._stop.set()
        for one in self._people:
            one.join()


def workers(server) -> set[int]:
    assert server.process.poll() is None, "The server has ended."
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return {int(pid) for pid in children.split()}


def both(server) -> set[int]:
    """The two workers, of which one may answer before the other is there."""
    deadline = time.monotonic() + 60
    while len(there := workers(server)) < 2:
        assert time.monotonic() < deadline, "The second worker does not come."
        time.sleep(0.05)
    return there


def reload(server, done: Callable[[], bool]) -> None:
    server.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline, "The old workers are still there."
        time.sleep(0.05)


def test_a_reload_under_requests_refuses_none(app, instance) -> None:
    with serving(instance) as server:
        before = both(server)
        crowd = Crowd(server.address)
        try:
            crowd.wait_for(20)
            reload(server, lambda: not workers(server) & before)
            crowd.wait_for(20)
        finally:
            crowd.stop()
    assert crowd.failures == []
    assert set(crowd.answers) == {200}


def test_a_reload_takes_what_was_chosen_and_the_audit_log_knows_it(app, instance) -> None:
    with serving(instance) as server:
        before = both(server)
        configure(instance, "WORKERS = 1\nSITE_NAME = 'Lonely hearts'")
        reload(server, lambda: len(workers(server)) == 1 and not workers(server) & before)
        with Visitor(server.address) as visitor:
            assert "<title>Sign in · Lonely hearts</title>" in visitor.get("/sign-in").text
    last = db.session.scalars(sa.select(Record).filter_by(kind=Event.SETTINGS).order_by(Record.id.desc())).first()
    assert json.loads(last.about)["changed"] == {"SITE_NAME": ["moderation", "Lonely hearts"], "WORKERS": [2, 1]}


@pytest.mark.parametrize("wrong", ["SIGN_UP = Fals", "INDEX_ENGINE = 'btree'", "HOLD_DHASH = 3"])
def test_a_reload_with_settings_that_cannot_be_leaves_all_as_it_was(app, instance, wrong: str) -> None:
    with serving(instance, stderr=subprocess.PIPE) as server:
        before = both(server)
        configure(instance, wrong)
        server.process.send_signal(signal.SIGHUP)
        said = server.process.stderr.readline().decode()
        assert "The settings cannot be used, and all stays as it was: " in said
        assert workers(server) == before
        # Nor do they count for a worker that takes the place of one that died, and nobody else went.
        for worker in before:
            others = workers(server) - {worker}
            os.kill(worker, signal.SIGKILL)
            deadline = time.monotonic() + 60
            while worker in workers(server) or len(workers(server)) != len(before):
                assert time.monotonic() < deadline, "No worker takes its place."
                time.sleep(0.05)
            assert others < workers(server)
        with Visitor(server.address) as visitor:
            assert visitor.get("/sign-in").status == 200


@pytest.mark.only("sqlite")
def test_a_worker_that_dies_while_the_database_is_away_is_replaced_and_all_goes_on_when_it_is_back(app, instance):
    db.session.remove()
    db.engine.dispose()
    with serving(instance) as server:
        place, away = instance / "moderation.sqlite", instance / "away"
        before = both(server)
        place.rename(away)
        place.mkdir()
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while workers(server) & before or len(workers(server)) != len(before):
            assert time.monotonic() < deadline, "No worker takes its place."
            time.sleep(0.05)
        with Visitor(server.address) as visitor:
            assert visitor.get("/healthz").status == 200
            place.rmdir()
            away.rename(place)
            assert visitor.get("/readyz").status == 200


def test_a_stop_answers_what_was_begun(app, instance, person, draw, monkeypatch) -> None:
    person("ana")
    picture, sent, send = draw(1, 2000), threading.Event(), HTTPConnection.send
    monkeypatch.setattr(HTTPConnection, "send", lambda *of: (send(*of), len(of[1]) > len(picture) and sent.set()))
    with serving(instance) as server, Visitor(server.address) as visitor:
        visitor.sign_in("ana").get("/picture")
        answers: list[int] = []
        upload = threading.Thread(target=lambda: answers.append(visitor.upload(picture).status))
        upload.start()
        assert sent.wait(60)
        time.sleep(0.05)
        server.process.terminate()
        upload.join()
        assert server.process.wait(timeout=60) == 0
    assert answers == [302]
