"""For whoever watches the site: alive, ready, figures; and what is written down of a request."""

import json
import logging
import re
import shutil
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from moderation import logs, review, sweeping, tokens, uploads
from moderation.app import create_app
from moderation.columns import now
from moderation.database import db, writing
from moderation.filestore import Folder
from moderation.models import Counter, Decision, Picture, Role, Status
from moderation.parts import Parts
from moderation.web import health
from tests.conftest import TESTING, near_copy
from tests.web.conftest import Browser


@pytest.fixture(autouse=True)
def nobody_asked_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "SECOND", 0.0)


def figure(text: str, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def gone(*_: object, **__: object) -> None:
    raise sa.exc.OperationalError("SELECT", {}, Exception("gone"))


def test_a_site_that_works_is_alive_and_ready(browser: Callable[[], Browser]) -> None:
    assert browser().get("/healthz").text == "alive\n"
    assert browser().get("/readyz").json == {"ready": True, "reasons": []}
    assert not browser().get("/healthz").headers.getlist("Set-Cookie")


def test_without_its_database_it_is_alive_and_not_ready(browser: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(db.engine), "connect", gone)
    assert browser().get("/healthz").status_code == 200
    answer = browser().get("/readyz")
    assert (answer.status_code, answer.json["reasons"]) == (503, ["The database does not answer."])
    figures = browser().get("/metrics")
    assert figures.status_code == 200
    assert figure(figures.text, "moderation_database_up") == 0


def test_a_store_that_cannot_be_written_is_a_reason(browser: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Folder, "probe", read_only)
    answer = browser().get("/readyz")
    assert (answer.status_code, answer.json["reasons"]) == (503, ["Pictures cannot be stored."])
    monkeypatch.undo()
    monkeypatch.setattr(health, "SECOND", 0.0)
    assert browser().get("/readyz").status_code == 200


def test_tables_of_another_version_are_a_reason(app: Flask, browser: Callable) -> None:
    db.session.remove()
    with writing():
        db.session.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
    assert browser().get("/readyz").json["reasons"] == ["The database has the tables of another version."]


def test_metrics_count_checks_verdicts_requests_and_what_waits(
    browser: Callable, parts: Parts, person: Callable, draw: Callable
) -> None:
    before = browser().get("/metrics").text
    mona = person("mona", Role.MODERATOR)
    review.mark(parts, uploads.receive(parts, person("ana"), draw(1)).id, mona, None)
    uploads.receive(parts, person("bob"), near_copy(draw(1)))
    browser().get("/nowhere")
    after = browser().get("/metrics").text

    def grown(name: str) -> float:
        return figure(after, name) - figure(before, name)

    assert grown('moderation_checks_total{occasion="upload",verdict="publish"}') == 1
    assert grown('moderation_checks_total{occasion="upload",verdict="refuse"}') == 1
    assert grown("moderation_check_seconds_count") == 2
    assert grown('moderation_requests_total{method="GET",route="none",status="404"}') == 1
    assert figure(after, 'moderation_index_length{list="blocklist"}') == 1
    version = figure(after, 'moderation_list_version{list="blocklist"}')
    assert figure(after, 'moderation_index_version{list="blocklist"}') == version > 0
    assert figure(after, 'moderation_waiting{for="near match"}') == 0
    assert figure(after, "moderation_database_up") == 1


def test_a_check_that_fails_and_a_store_that_is_full_are_counted(
    browser: Callable, parts: Parts, person: Callable, draw: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, before = person("ana"), browser().get("/metrics").text
    with monkeypatch.context() as broken:
        broken.setattr(uploads, "judge", lambda *_: 1 / 0)
        uploads.receive(parts, ana, draw(1))
    with monkeypatch.context() as full:
        full.setattr(Folder, "put", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(uploads.Unavailable):
            uploads.receive(parts, ana, draw(2))
    after = browser().get("/metrics").text
    for kind in ("check", "store"):
        name = f'moderation_errors_total{{kind="{kind}"}}'
        assert figure(after, name) - figure(before, name) == 1


@pytest.mark.parametrize(
    ("headers", "address", "status"),
    [
        ({}, "127.0.0.1", 200),
        ({}, "::1", 200),
        ({}, "203.0.113.7", 401),
        ({"X-Forwarded-For": "127.0.0.1"}, "127.0.0.1", 401),
        ({"Forwarded": "for=127.0.0.1"}, "127.0.0.1", 401),
        ({"Authorization": "Bearer mod_wrong"}, "203.0.113.7", 401),
    ],
)
def test_metrics_are_for_this_very_machine(browser: Callable, headers: dict, address: str, status: int) -> None:
    answer = browser().get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == status
    if status == 401:
        assert "moderation_" not in answer.text


def test_metrics_are_for_others_with_a_token(browser: Callable, app: Flask) -> None:
    with writing():
        token = tokens.create("prometheus")
    headers = {"Authorization": f"Bearer {token}"}
    assert browser().get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": "203.0.113.7"}).status_code == 200


def test_a_token_that_was_good_minutes_ago_still_is_while_the_database_is_away(
    browser: Callable, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "_seen", {})
    with writing():
        known, revoked, new = (tokens.create(name) for name in ("known", "revoked", "new"))

    def ask(token: str):
        headers = {"Authorization": f"Bearer {token}"}
        return browser().get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": "203.0.113.7"})

    def away() -> pytest.MonkeyPatch:
        broken = pytest.MonkeyPatch()
        for way in ("connect", "raw_connection"):
            broken.setattr(type(db.engine), way, gone)
        return broken

    assert [ask(token).status_code for token in (known, revoked)] == [200, 200]
    with writing():
        tokens.revoke("revoked")
    assert ask(revoked).status_code == 401
    broken = away()
    try:
        answer = ask(known)
        assert answer.status_code == 200
        assert figure(answer.text, "moderation_database_up") == 0
        assert "moderation_database_up 0.0" in answer.text
        assert [ask(token).status_code for token in (revoked, new, "mod_wrong")] == [503, 503, 503]
        monkeypatch.setattr(tokens, "REMEMBERED", 0.0)
        assert ask(known).status_code == 503
    finally:
        broken.undo()


@pytest.mark.on_both
def test_what_fails_each_time_it_is_tried_is_overdue_and_counted(
    browser: Callable, parts: Parts, arrive: Callable, person: Callable, draw: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    mona = person("mona", Role.MODERATOR)
    marked, picture = arrive(draw(1)), arrive(draw(2))
    review.mark(parts, marked, mona, None)
    assert figure(browser().get("/metrics").text, 'moderation_waiting{for="overdue"}') == 0
    long_ago = now() - 6 * parts.lease
    with writing():
        values = {"status": Status.PENDING, "created": long_ago, "lease": long_ago}
        db.session.execute(sa.update(Picture).filter_by(id=picture).values(values))
        db.session.execute(sa.update(Decision).values(created=long_ago, lease=long_ago))
    for work in ("publish", "_sweep"):
        monkeypatch.setattr(sweeping, work, lambda *_, **__: 1 / 0)
    before = browser().get("/metrics").text
    assert sweeping.finish_work(parts) == 0
    after = browser().get("/metrics").text
    assert figure(after, 'moderation_waiting{for="overdue"}') == 2
    name = 'moderation_errors_total{kind="defect"}'
    assert figure(after, name) - figure(before, name) == 2
    monkeypatch.undo()
    with writing():
        for kind in (Picture, Decision):
            db.session.execute(sa.update(kind).where(kind.lease.is_not(None)).values(lease=long_ago))
    assert sweeping.finish_work(parts) == 2
    assert figure(browser().get("/metrics").text, 'moderation_waiting{for="overdue"}') == 0


@pytest.mark.only("sqlite")
def test_a_database_whose_file_was_moved_away_is_not_ready_and_not_up(app: Flask, browser: Callable, instance) -> None:
    place, away = instance / "moderation.sqlite", instance / "away"

    def looks() -> tuple[int, list[str], float]:
        answer = browser().get("/readyz")
        return (
            answer.status_code,
            answer.json["reasons"],
            figure(browser().get("/metrics").text, "moderation_database_up"),
        )

    assert looks() == (200, [], 1)
    place.rename(away)
    assert looks() == (503, ["The database's file is not where it was."], 0)
    shutil.copy(away, place)  # another file, with all that was in it until then
    assert looks() == (503, ["The database's file is not where it was."], 0)
    away.rename(place)
    assert looks() == (200, [], 1)


def test_a_proxy_that_is_trusted_does_not_open_the_metrics(instance) -> None:
    app = create_app(instance, **TESTING, PROXIES=1, METRICS_LOCAL=True)
    for sent in ("203.0.113.7", "127.0.0.1"):
        assert Browser(app).get("/metrics", headers={"X-Forwarded-For": sent}).status_code == 401


def test_without_that_setting_this_very_machine_needs_a_token_too(instance) -> None:
    app = create_app(instance, **TESTING, METRICS_LOCAL=False)
    assert Browser(app).get("/metrics").status_code == 401


@pytest.mark.parametrize(
    ("proxies", "sent", "kept"),
    [(0, "from-the-proxy-1", False), (1, "from-the-proxy-1", True), (1, "two\twords", False), (1, "x" * 65, False)],
)
def test_an_id_that_comes_with_a_request_counts_where_a_proxy_is_trusted(instance, proxies, sent, kept) -> None:
    app = create_app(instance, **TESTING, PROXIES=proxies)
    answer = Browser(app).get("/healthz", headers={"X-Request-ID": sent})
    assert (answer.headers["X-Request-ID"] == sent) is kept
    assert answer.headers["X-Request-ID"]


def test_a_request_is_one_line_with_no_name_and_no_address_in_it(
    sign_in: Callable, caplog: pytest.LogCaptureFixture, draw: Callable
) -> None:
    ada = sign_in("Ada.Lovelace", Role.ADMIN)
    with caplog.at_level(logging.INFO, "moderation.access"):
        caplog.clear()
        ada.get("/admin/people?search=Lovelace")
        ada.post("/sign-in", name="Ada.Lovelace", password="hunter2hunter2")
    lines = [json.loads(logs.JsonLines().format(record)) for record in caplog.records]
    shown = {name: lines[0][name] for name in ("method", "route", "status", "account", "level", "logger")}
    assert shown == {
        "method": "GET",
        "route": "/admin/people",
        "status": 200,
        "account": 1,
        "level": "info",
        "logger": "moderation.access",
    }
    assert lines[0]["ms"] > 0
    everything = json.dumps(lines).lower()
    assert "lovelace" not in everything
    assert "hunter2" not in everything


def test_an_error_in_the_log_has_its_request_and_no_values_of_the_statement(
    browser: Callable, app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    name = "Ada.Lovelace"

    def fail() -> None:
        with db.engine.connect() as connection:
            connection.execute(sa.insert(Counter), {"name": "pictures", "epoch": name, "version": 0})

    monkeypatch.setitem(app.view_functions, "account.sign_in", fail)
    formatter = logs.JsonLines()
    lines: list[dict] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(formatter.format(record)))

    handler = Keep()
    logging.getLogger().addHandler(handler)
    try:
        answer = browser().get("/sign-in")
    finally:
        logging.getLogger().removeHandler(handler)
    assert answer.status_code == 500
    assert lines[0]["request"] == answer.headers["X-Request-ID"]
    assert lines[0]["level"] == "error"
    assert "IntegrityError" in lines[0]["error"]
    assert "Lovelace" not in json.dumps(lines)
    assert "Ada.Lovelace" not in caplog.text
