"""Signing in, signing up and uploading go only so often: 429, and how long to wait."""

import threading
from collections.abc import Callable, Iterator
from contextvars import Context
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from moderation import limiting
from moderation.app import create_app
from moderation.columns import now
from moderation.database import db
from moderation.models import Picture, Record, Role
from tests.conftest import PASSWORD, TESTING
from tests.web.conftest import Browser

WRONG = "not my password"

SITE = "https://dating.example"


@pytest.fixture
def another(instance: Path) -> Iterator[Callable[..., Flask]]:
    """`another(PROXIES=1)` is the app of a further process on the same database."""
    made: list[Flask] = []

    def make(**settings: object) -> Flask:
        made.append(create_app(instance, **TESTING, **settings))
        return made[-1]

    yield make
    for app in made:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def too_many(answer: TestResponse) -> bool:
    """Whether that is a 429, with a sentence that says how long to wait, and the header."""
    if answer.status_code != 429:
        return False
    assert int(answer.headers["Retry-After"]) > 0
    assert "Please wait" in answer.text
    return True


def test_after_too_many_wrong_passwords_the_right_one_has_to_wait_too(
    browser: Callable, person: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = now()
    monkeypatch.setattr(limiting, "now", lambda: moment)  # ten passwords can take a busy machine more than a second
    person("mia")
    answers = [browser().sign_in("mia", WRONG) for _ in range(10)]
    assert [answer.status_code for answer in answers] == [422] * 10
    answer = browser().sign_in("Mia", PASSWORD)
    assert too_many(answer)
    assert answer.headers["Retry-After"] == "90"
    assert "There were too many wrong passwords for this name. Please wait 90 seconds" in answer.text


def test_a_name_that_nobody_has_is_locked_like_any_other(browser: Callable, person: Callable) -> None:
    person("mia")
    known, unknown = ([browser().sign_in(name, WRONG) for _ in range(12)] for name in ("mia", "nobody"))
    for one, other in zip(known, unknown, strict=True):
        assert one.status_code == other.status_code
        waits = [int(answer.headers.get("Retry-After", 0)) for answer in (one, other)]
        assert all(waits) or not any(waits)
        assert abs(waits[0] - waits[1]) < 60  # the second name was tried some seconds later


def test_guessing_elsewhere_does_not_lock_a_person_out_of_the_browser_they_know(
    browser: Callable, person: Callable
) -> None:
    person("rosa", Role.ADMIN)
    rosa, guesser = browser(), browser()
    rosa.sign_in("rosa")
    rosa.post("/sign-out")
    for _ in range(11):
        answer = guesser.sign_in("rosa", WRONG)
    assert too_many(answer)
    assert rosa.sign_in("rosa").status_code == 200


def test_a_known_browser_is_known_for_its_own_account_only(browser: Callable, person: Callable) -> None:
    person("mia")
    person("rosa", Role.ADMIN)
    mia = browser()
    mia.sign_in("mia")
    for _ in range(10):
        mia.sign_in("rosa", WRONG)
    assert too_many(browser().sign_in("rosa"))


def test_one_address_guesses_so_often_for_all_names_together(app: Flask, browser: Callable) -> None:
    app.config["LIMIT_SIGN_IN_ADDRESS"] = 4
    answers = [browser().sign_in(f"name{number}", WRONG) for number in range(5)]
    assert [too_many(answer) for answer in answers] == [False] * 4 + [True]


def test_signing_in_rightly_uses_nothing_up(app: Flask, browser: Callable, person: Callable) -> None:
    app.config["LIMIT_SIGN_IN"] = app.config["LIMIT_SIGN_IN_ADDRESS"] = 3
    person("mia")
    for _ in range(5):
        assert browser().sign_in("mia").status_code == 200


def test_a_lockout_is_in_the_audit_log(browser: Callable, person: Callable) -> None:
    mia = person("mia")
    for _ in range(12):
        browser().sign_in("mia", WRONG)
    db.session.rollback()
    rows = db.session.scalars(sa.select(Record).filter_by(kind="lockout")).all()
    assert [(row.by_id, row.account_id) for row in rows] == [(None, mia)]


def test_accounts_are_opened_from_one_address_only_so_often(app: Flask, browser: Callable) -> None:
    app.config["LIMIT_SIGN_UP_ADDRESS"] = 2
    for name in ("mia", "max"):
        assert browser().post("/sign-up", name=name, password=PASSWORD).status_code == 200
    assert too_many(browser().post("/sign-up", name="ana", password=PASSWORD))


def test_asking_which_names_are_taken_goes_only_so_often(app: Flask, browser: Callable, person: Callable) -> None:
    app.config["LIMIT_SIGN_UP_ADDRESS"] = 3
    person("mia")
    answers = [browser().post("/sign-up", name="mia", password=PASSWORD) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [422, 422, 422, 429]


def test_a_member_uploads_only_so_often_and_what_is_on_show_stays(
    app: Flask, sign_in: Callable, draw: Callable
) -> None:
    app.config["LIMIT_UPLOADS"] = 2
    mia = sign_in("mia")
    for seed in (1, 2):
        assert mia.upload(draw(seed, size=200)).status_code == 200
    answer = mia.upload(draw(3, size=200))
    assert too_many(answer)
    assert "My profile picture" in answer.text
    db.session.rollback()
    assert len(db.session.scalars(sa.select(Picture)).all()) == 2


def test_several_accounts_from_one_address_upload_only_so_often(app: Flask, sign_in: Callable, draw: Callable) -> None:
    app.config["LIMIT_UPLOADS_ADDRESS"] = 2
    for name in ("mia", "max"):
        assert sign_in(name).upload(draw(1, size=200)).status_code == 200
    assert too_many(sign_in("ana").upload(draw(2, size=200)))


def test_all_processes_count_together_and_a_new_one_goes_on_counting(
    another: Callable, browser: Callable, person: Callable
) -> None:
    person("mia")
    others = [Browser(another()) for _ in range(2)]
    for number in range(10):
        assert others[number % 2].sign_in("mia", WRONG).status_code == 422
    assert too_many(browser().sign_in("mia"))
    assert too_many(Browser(another()).sign_in("mia"))


def test_many_guesses_at_once_are_not_more(app: Flask, person: Callable) -> None:
    person("mia")
    statuses: list[int] = []

    def guess() -> None:
        one = Browser(app)
        statuses.extend(one.sign_in("mia", WRONG).status_code for _ in range(4))

    threads = [threading.Thread(target=Context().run, args=(guess,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [422] * 10 + [429] * 6


# --- from where a request comes ------------------------------------------------------


def guesses(app: Flask, **options: Callable[[int], object]) -> int:
    """How many wrong passwords go, each for another name, before there is a 429."""
    one = Browser(app)
    for number in range(6):
        now = {name: value(number) for name, value in options.items()} | {"base_url": SITE}
        now["headers"] = now.get("headers", {}) | {"Referer": f"{SITE}/sign-in"}
        page = one.get("/sign-in", **now).text
        token = page.split('name="csrf_token" type="hidden" value="')[1].split('"')[0]
        form = {"name": f"name{number}", "password": WRONG, "csrf_token": token}
        answer = one.send("POST", "/sign-in", data=form, **now)
        if answer.status_code == 429:
            return number
        assert answer.status_code == 422
    return 6


@pytest.fixture
def behind(another: Callable[..., Flask]) -> Callable[[int], Flask]:
    """The app behind so many proxies, with three wrong passwords for each address."""
    return lambda proxies: another(PROXIES=proxies, LIMIT_SIGN_IN_ADDRESS=3)


def forged(number: int) -> dict[str, str]:
    return {"X-Forwarded-For": f"198.51.100.{number}", "Forwarded": f"for=198.51.100.{number}"}


def test_without_a_proxy_nobody_says_where_they_come_from(behind: Callable) -> None:
    assert guesses(behind(0), headers=forged) == 3


def test_behind_a_proxy_what_it_says_counts_and_what_was_there_before_does_not(behind: Callable) -> None:
    def by_proxy(number: int) -> dict[str, str]:
        # The client's own header comes first; the proxy adds what it sees.
        return {"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.7"}

    assert guesses(behind(1), headers=by_proxy) == 3
    assert guesses(behind(1), headers=lambda number: {"X-Forwarded-For": f"203.0.113.{100 + number}"}) == 6


def test_one_network_of_ipv6_is_one_address(behind: Callable) -> None:
    def at(prefix: str) -> Callable[[int], dict[str, str]]:
        return lambda number: {"REMOTE_ADDR": f"{prefix}{number + 1:x}"}

    assert guesses(behind(0), environ_overrides=at("2001:db8:1:2::")) == 3
    assert guesses(behind(0), environ_overrides=lambda number: {"REMOTE_ADDR": f"2001:db8:2:{number}::1"}) == 6
    assert guesses(behind(0), environ_overrides=at("::ffff:192.0.2.")) == 6


def test_a_forged_scheme_and_host_are_believed_of_the_proxy_only(behind: Callable) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    open_, proxied = (Browser(behind(number)) for number in (0, 1))
    assert "Strict-Transport-Security" not in open_.get("/sign-in", headers=headers).headers
    assert "Strict-Transport-Security" in proxied.get("/sign-in", headers=headers).headers
    answer = open_.get("/review/", headers=headers)
    assert answer.location == "/sign-in?next=/review/"


@pytest.mark.parametrize(
    ("host", "status"),
    [("pictures.example", 200), ("www.members.example", 200), ("evil.example", 400), ("pictures.example.evil", 400)],
)
def test_the_site_answers_to_the_names_that_it_trusts_alone(another: Callable, host: str, status: int) -> None:
    app = another(HOSTS="pictures.example .members.example")
    answer = app.test_client().get("/sign-in", headers={"Host": host})
    assert answer.status_code == status
    assert ("does not go by the name" in answer.text) == (status == 400)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_by_its_settings_from_the_environment_too(another: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODERATION_HOSTS", "pictures.example")
    visitor = another().test_client()
    assert visitor.get("/healthz", headers={"Host": "evil.example"}).status_code == 400
    assert visitor.post("/sign-in", headers={"Host": "evil.example"}).status_code == 400
    assert visitor.post("/api/v1/check", headers={"Host": "evil.example"}).mimetype == "application/problem+json"
    assert visitor.get("/healthz", headers={"Host": "pictures.example"}).status_code == 200


@pytest.mark.parametrize("host", ["a" * 64, "a..b", ".a"])
def test_a_name_that_is_none_is_told_so(another: Callable, host: str) -> None:
    visitor = another().test_client()
    for path in ("/healthz", "/sign-in", "/nowhere"):
        answer = visitor.get(path, headers={"Host": host})
        assert answer.status_code == 400
        assert "does not go by the name" in answer.text
    assert visitor.post("/api/v1/check", headers={"Host": host}).mimetype == "application/problem+json"


def test_a_proxy_may_say_from_which_port_and_what_it_says_of_one_counts_for_no_other(behind: Callable) -> None:
    def saying(text: str) -> Callable[[int], dict[str, str]]:
        return lambda number: {"X-Forwarded-For": text.format(number + 1)}

    assert guesses(behind(1), headers=saying("203.0.113.7:400{}")) == 3
    assert guesses(behind(1), headers=saying("203.0.114.{}:443")) == 6
    assert guesses(behind(1), headers=saying("[2001:db8:1:{}::1]:443")) == 6
    assert guesses(behind(1), headers=saying("[2001:db8:2:1::{}]")) == 3
    assert guesses(behind(1), headers=saying("somebody {}")) == 6
