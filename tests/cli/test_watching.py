"""The running server, as whoever operates it sees it: what is in its log, what signals do, what headers it believes."""

import json
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask

from moderation import audit, logs, metrics, server, sweeping
from moderation.app import create_app
from moderation.database import db
from moderation.patience import Discreet
from tests.conftest import TESTING
from tests.server import Visitor, serving

from .test_serving import ended


def send(address: str, request: bytes) -> bytes:
    """What is answered to something that is no request."""
    place = urlsplit(address)
    with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
        connection.sendall(request)
        return connection.recv(1000)


@pytest.mark.parametrize("kind", logs.FORMATS)
def test_what_is_no_request_leaves_nothing_of_itself_in_the_log(instance: Path, kind: str) -> None:
    with serving(instance, "--log-format", kind, stderr=subprocess.PIPE) as site:
        for request in (
            b"GET /password/SECRETTOKEN\0 HTTP/1.1\r\nHost: site\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: site\r\nX-SECRETTOKEN\r\n\r\n",
        ):
            assert send(site.address, request).startswith(b"HTTP/1.1 400 ")
        site.process.terminate()
        said = site.process.stderr.read().decode()
    assert "SECRETTOKEN" not in said
    assert "127.0.0.1" not in said
    found = [line for line in said.splitlines() if "A request was invalid: Invalid" in line]
    assert len(found) == 2
    assert kind == "text" or all(json.loads(line)["level"] == "warning" for line in found)


def test_of_a_request_that_fails_the_log_has_the_place_and_not_the_words(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise RuntimeError("SECRETTOKEN")
    except RuntimeError as error:
        Discreet(server.log, error).exception("Error handling request %s", "/password/SECRETTOKEN")
    assert "A request failed: RuntimeError\n" in caplog.text
    assert f'File "{__file__}", line ' in caplog.text
    assert caplog.text.count("SECRETTOKEN") == 1  # the line of this file


def test_no_header_of_a_proxy_is_believed_where_there_is_none(instance: Path) -> None:
    with serving(instance, MODERATION_PROXIES="0") as site, Visitor(site.address) as visitor:
        assert visitor.get("/sign-in", SCRIPT_NAME="/foo").status == 200
        answer = visitor.get("/sign-in", **{"X-Forwarded-Proto": "https"})
        assert answer.status == 200
        assert "Strict-Transport-Security" not in answer.headers


HUNG_UP_WHILE_IT_STARTS = """
import signal, sys
from moderation import app, cli, server

def create_app(*of, make=app.create_app):
    signal.raise_signal(signal.SIGHUP)
    return make(*of)

app.create_app = create_app
server.serve = lambda *_: signal.raise_signal(signal.SIGHUP)
cli.main(sys.argv[1:])
"""


def test_a_hang_up_while_the_server_starts_does_not_end_it(tmp_path: Path) -> None:
    assert ended(HUNG_UP_WHILE_IT_STARTS, tmp_path, signal.SIGHUP) == 0


def test_before_it_is_deaf_to_hang_ups_the_server_has_loaded_next_to_nothing() -> None:
    """That takes most of its start."""
    loaded = "import sys, moderation.cli.serving; print(*sys.modules)"
    names = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()
    assert not {"sqlalchemy", "flask", "numpy", "gunicorn"} & set(names)


def test_settings_that_cannot_be_used_leave_no_connection_for_later_workers(
    instance: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Flask] = []

    def make() -> Flask:
        made.append(create_app(instance, **TESTING))
        return made[-1]

    def look(_: object) -> None:
        db.session.connection()
        raise RuntimeError

    monkeypatch.setattr(audit, "notice_settings", look)
    with pytest.raises(RuntimeError):
        server.Server(make, {}, {})
    with made[0].app_context():
        assert db.engine.pool.checkedin() + db.engine.pool.checkedout() == 0


def test_a_stop_does_not_wait_until_each_of_many_hang_ups_was_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    up, more, end = signal.SIGHUP, signal.SIGTTIN, signal.SIGTERM
    for came, heard in (([up, up, end], [end]), ([up, more, up, more], [up, more, more])):
        monkeypatch.setattr(server.Arbiter, "wait_for_signals", lambda *_, came=came: list(came))
        assert server.Master.wait_for_signals(object.__new__(server.Master)) == heard


@pytest.mark.parametrize(
    ("error", "kind"), [(sa.exc.OperationalError("SELECT", {}, Exception("gone")), "database"), (KeyError(), "defect")]
)
def test_what_keeps_the_caretaker_from_its_work_is_counted(
    app: Flask, monkeypatch: pytest.MonkeyPatch, error: Exception, kind: str
) -> None:
    stop, counter = threading.Event(), metrics.counted().errors.labels(kind)
    before = counter._value.get()

    def fail(_: object) -> None:
        stop.set()
        raise error

    monkeypatch.setattr(server, "CARE_SECONDS", 0)
    monkeypatch.setattr(sweeping, "finish_work", fail)
    server._care(app, stop)
    assert counter._value.get() == before + 1
