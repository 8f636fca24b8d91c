"""Nothing secret gets out: not in a log, not in an error, not by a picture that is kept apart, not by a redirect."""

import logging
import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from moderation import accounts, allowing, escalation, review, tokens
from moderation.database import db, writing
from moderation.models import Account, Decision, Entry, Role, SignIn
from moderation.parts import Parts
from moderation.shield import blank
from tests.conftest import PASSWORD
from tests.web.conftest import Browser


def test_no_secret_is_in_a_log(
    app: Flask, browser: Callable, sign_in: Callable, person: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    rosa, mia = sign_in("rosa", Role.ADMIN), browser()
    member = person("mia")
    with writing():
        token = tokens.create("chat")
    wrong, new = "a wrong password 1234", "the new password 5678"
    mia.sign_in("mia", wrong)
    mia.sign_in("mia")
    mia.post("/account/password", current=wrong, password=new)
    mia.post("/account/password", current=PASSWORD, password=new)
    link = re.search(r"/password/([\w-]+)", rosa.post(f"/admin/people/{member}/link").text)[1]
    mia.get(f"/password/{link}")
    mia.post(f"/password/{link}", password=PASSWORD)
    for shown in (token, token + "x"):
        browser().send("POST", "/api/v1/check", data=b"no picture", headers={"Authorization": f"Bearer {shown}"})
    browser().post("/sign-up", name="max", password=new)
    cookie = mia.client.get_cookie("session").value
    hashes = [*db.session.scalars(sa.select(Account.password)), *db.session.scalars(sa.select(Account.session))]
    hashes += [row.hex() for row in db.session.scalars(sa.select(SignIn.hash))]
    secrets = [PASSWORD, wrong, new, token, link, cookie, app.secret_key, *hashes]
    assert "signed in" in caplog.text
    assert [secret for secret in secrets if secret in caplog.text] == []


def test_who_may_not_enter_is_in_the_log(sign_in: Callable, caplog: pytest.LogCaptureFixture) -> None:
    sign_in("mia").get("/admin/people")
    assert "Account 1 may not enter admin.people." in caplog.text
    assert "mia" not in caplog.text


def test_an_error_of_the_database_is_logged_without_what_was_written(
    app: Flask, person: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    person("mia")
    kept = accounts.named("mia").password
    with pytest.raises(sa.exc.IntegrityError) as error, writing():
        db.session.add(Account(name="mia", key="mia", password=kept, role=Role.MEMBER, session="secret session"))
    assert "hide_parameters" in str(error.value)
    assert kept not in str(error.value)


def test_a_defect_is_one_sentence_for_people_and_its_traceback_for_the_log(
    app: Flask, sign_in: Callable, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    mia = sign_in("mia")
    monkeypatch.setattr("moderation.web.me.sign_ins.listed", lambda *_: 1 / 0)
    for headers in ({}, {"Accept": "application/json"}):
        answer = mia.get("/account/", headers=headers)
        assert answer.status_code == 500
        assert "Something went wrong on our side." in answer.text
        for inside in ("Traceback", "ZeroDivisionError", "moderation/web", app.instance_path):
            assert inside not in answer.text
    assert "ZeroDivisionError" in caplog.text


def test_a_picture_that_is_escalated_later_is_shown_by_nothing_that_remembers_it(
    sign_in: Callable, parts: Parts, arrive: Callable, draw: Callable
) -> None:
    mona, root = sign_in("mona", Role.MODERATOR), sign_in("root", Role.ADMIN)
    marked, known = arrive(draw(1)), arrive(draw(2))
    entry = review.mark(parts, marked, 1, None).entries[0].id
    good = allowing.add_picture(parts, known, "ours", 2).known.id
    paths = [f"/blocklist/{entry}/look", f"/blocklist/known-good/{good}/look", f"/pictures/{marked}"]
    paths += [f"/pictures/{known}", f"/pictures/{known}/thumbnail"]
    assert all(mona.get(path).data != blank() for path in paths)
    for picture in (marked, known):
        escalation.escalate(parts, picture, 1, "")
    for visitor in (mona, root):
        assert all(visitor.get(path).data == blank() for path in paths)
        assert visitor.get(f"/review/escalated/{known}/file").status_code == 403
    with writing():
        accounts.set_entrusted(accounts.named("mona"), True)
    seen = mona.get(f"/review/escalated/{known}/file")
    assert seen.data != blank()
    assert seen.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "hostile",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        "///evil.example",
        "/%09/evil.example",
        "http:evil.example",
        "javascript:alert(1)",
        "@evil.example",
        ".evil.example",
    ],
)
def test_no_way_leads_to_another_site(browser: Callable, person: Callable, hostile: str) -> None:
    person("mona", Role.MODERATOR)
    mona = browser()
    form = {"name": "mona", "password": PASSWORD}
    for answer in (
        mona.post(f"/sign-in?next={hostile}", follow=False, **form),
        mona.post("/review/shield", follow=False, level="2", back=hostile),
        mona.get(f"/?next={hostile}"),
    ):
        assert answer.status_code == 302
        assert re.match(r"/(?![/\\])", answer.location), answer.location
        assert "evil" not in answer.location.split("?")[0].replace("%09/evil.example", "")


def test_what_changes_something_cannot_be_asked_for_by_a_link(app: Flask, sign_in: Callable) -> None:
    rosa = sign_in("rosa", Role.ADMIN)
    rules = [rule for rule in app.url_map.iter_rules() if not rule.endpoint.startswith("api.")]
    pages = {str(rule) for rule in rules if "GET" in rule.methods}
    changing = {str(rule) for rule in rules} - pages
    assert len(changing) > 15
    for rule in changing:
        assert rosa.get(re.sub(r"<[^>]+>", "1", rule)).status_code == 405, rule
    before = [db.session.scalar(sa.select(sa.func.count()).select_from(kind)) for kind in (Account, Decision, Entry)]
    for rule in pages:
        assert rosa.get(re.sub(r"<[^>]+>", "1", rule)).status_code < 500, rule
    db.session.rollback()
    after = [db.session.scalar(sa.select(sa.func.count()).select_from(kind)) for kind in (Account, Decision, Entry)]
    assert after == before


def test_no_folder_is_listed_nothing_is_traced_and_nothing_beside_static_is_served(browser: Callable) -> None:
    mia: Browser = browser()
    for path in (
        "/static/",
        "/static",
        "/static/../config.py",
        "/static/%2e%2e/config.py",
        "/.git/config",
        "/config.py",
    ):
        assert mia.get(path).status_code == 404, path
    for path in ("/", "/sign-in", "/static/style.css"):
        assert mia.send("TRACE", path).status_code == 405


def test_debugging_is_off_and_no_answer_names_what_it_runs_on(app: Flask, browser: Callable) -> None:
    assert not app.debug
    assert "Server" not in browser().get("/sign-in").headers
    assert "X-Powered-By" not in browser().get("/sign-in").headers
