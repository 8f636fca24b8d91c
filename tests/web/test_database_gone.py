"""A database that is locked, or gone: a sentence, nothing half done, and all is well as soon as it is back."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from moderation import database, metrics, review, sweeping, tokens
from moderation.app import create_app
from moderation.context import parts as current_parts
from moderation.database import db, writing
from moderation.models import Entry, Picture, Role
from tests.conftest import TESTING
from tests.postgres import Server
from tests.web.conftest import Browser

PATIENCE = 0.5
"""Seconds that writers wait here; 20 otherwise."""

CANNOT = "The site cannot reach its database at this moment. Please try again in a minute."
LOOK = "Look first whether it was done: if it was not, nothing was changed."


@pytest.fixture
def app(instance: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The usual app, but that its writers wait for less long."""
    monkeypatch.setattr(database, "BUSY_SECONDS", PATIENCE)
    app = create_app(instance, **TESTING)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def token(app: Flask) -> str:
    with writing():
        return tokens.create("chat")


def errors() -> float:
    return metrics.counted().errors.labels("database")._value.get()


def count(table: type) -> int:
    db.session.rollback()
    return db.session.scalar(sa.select(sa.func.count()).select_from(table))


def ask(browser: Browser, token: str, picture: bytes):
    """What other software asks."""
    headers = {"Authorization": f"Bearer {token}"}
    return browser.send("POST", "/api/v1/check", data=picture, headers=headers)


def locked_by_somebody(instance: Path, database: str) -> object:
    """Another program has begun to write, and does not end."""
    if database == "sqlite":
        other = sqlite3.connect(instance / "moderation.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        return closing(other)
    other = db.engine.connect().execution_options(writes=True)
    other.begin()
    return closing(other)


def test_while_the_database_is_locked_pages_are_shown_and_what_would_write_is_refused_whole(
    app, instance, database, sign_in, arrive, draw, parts
):
    ana, mona = sign_in("ana"), sign_in("mona", Role.MODERATOR)
    shown = arrive(draw(1))
    before = count(Picture)
    db.session.rollback()
    counted = errors()
    with locked_by_somebody(instance, database):
        answer = ana.upload(draw(2))
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
        assert f"{CANNOT} {LOOK}" in answer.text
        answer = mona.post(f"/review/pictures/{shown}/mark", json=True, seen="")
        assert (answer.status_code, answer.json) == (503, {"error": f"{CANNOT} {LOOK}"})
        assert ana.get("/picture").status_code == 200
        assert mona.get("/review/").status_code == 200
        assert sweeping.finish_work(parts) == 0  # which has nothing to do, and so does not wait
        assert errors() == counted + 2
    assert (count(Picture), count(Entry)) == (before, 0)
    assert ana.upload(draw(2)).status_code == 200
    assert count(Picture) == before + 1
    assert mona.post(f"/review/pictures/{shown}/mark", json=True, seen="").status_code == 200
    assert count(Entry) == 1


@pytest.mark.only("postgresql")
def test_while_the_server_is_away_each_page_says_so_and_when_it_is_back_all_work(
    app, postgres: Server, sign_in, arrive, draw, token, browser
):
    ana, mona = sign_in("ana"), sign_in("mona", Role.MODERATOR)
    shown = arrive(draw(1))
    before = count(Picture)
    db.session.execute(sa.select(Picture.id)).all()  # a request is under way
    assert ask(ana, token, draw(1)).json["verdict"] == "publish"
    counted = errors()

    postgres.stop()
    try:
        db.session.remove()  # that request ends
        for person, path in ((ana, "/picture"), (mona, "/review/"), (mona, f"/review/pictures/{shown}"), (ana, "/")):
            answer = person.get(path)
            assert (answer.status_code, answer.mimetype) == (503, "text/html"), path
            assert CANNOT in answer.text
            assert LOOK not in answer.text
        assert mona.get("/review/changes", headers={"Accept": "application/json"}).json == {"error": CANNOT}
        answer = ask(ana, token, draw(1))
        assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
        assert answer.json["detail"] == f"{CANNOT} {LOOK}"
        assert browser().get("/healthz").status_code == 200
        with pytest.raises(sa.exc.OperationalError):
            sweeping.finish_work(current_parts())
        assert errors() == counted + 6
        db.session.remove()
    finally:
        postgres.start()

    assert count(Picture) == before
    assert ana.get("/picture").status_code == mona.get("/review/").status_code == 200
    assert ana.upload(draw(2)).status_code == 200
    assert ask(ana, token, draw(1)).json["verdict"] == "publish"
    assert count(Picture) == before + 1


@pytest.mark.only("postgresql")
def test_whoever_watches_with_a_token_sees_that_the_server_is_away(app, postgres: Server, token, browser):
    asked = {"headers": {"Authorization": f"Bearer {token}"}, "environ_base": {"REMOTE_ADDR": "203.0.113.7"}}
    assert "moderation_database_up 1.0" in browser().get("/metrics", **asked).text
    db.session.remove()
    postgres.stop()
    try:
        answer = browser().get("/metrics", **asked)
    finally:
        postgres.start()
    assert answer.status_code == 200
    assert "moderation_database_up 0.0" in answer.text


@pytest.mark.only("postgresql")
def test_an_upload_that_the_server_leaves_in_the_middle_of_is_finished_when_it_is_back(
    app, postgres: Server, parts, person, draw, monkeypatch
):
    """Committed and not yet looked at: nothing is on show, and whoever is there afterwards takes it over."""
    ana = person("ana")
    monkeypatch.setattr("moderation.uploads.judge", lambda *_: postgres.stop())
    from moderation.uploads import receive

    try:
        with pytest.raises(sa.exc.OperationalError):
            receive(parts, ana, draw(1))
        db.session.remove()
    finally:
        postgres.start()
    monkeypatch.undo()
    (picture,) = db.session.scalars(sa.select(Picture))
    assert picture.status == "pending"
    with writing():
        picture.lease = review.now()
    assert sweeping.finish_work(parts) == 1
    assert db.session.get_one(Picture, picture.id).status == "published"
