"""The own account: a new password, where one is signed in, and what an admin can do about another's."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask import Flask

from moderation import accounts, links
from moderation.cli import main
from moderation.columns import now
from moderation.database import db, writing
from moderation.errors import NotFound
from moderation.models import Account, Record, Role, SignIn
from tests.conftest import PASSWORD
from tests.web.conftest import Browser

NEW = "quite another password"


def is_in(browser: Browser) -> bool:
    return browser.get("/picture").status_code == 200


def test_a_new_password_asks_for_the_old_one_and_ends_the_other_sessions(sign_in: Callable, browser: Callable) -> None:
    here, elsewhere = sign_in("mia"), browser()
    elsewhere.sign_in("mia")
    wrong = here.post("/account/password", current="not my password", password=NEW)
    assert wrong.status_code == 422
    assert "This is not the password that you have now." in wrong.text
    assert is_in(elsewhere)

    answer = here.post("/account/password", current=PASSWORD, password=NEW)
    assert "Your new password counts from now on." in answer.text
    assert is_in(here)
    assert not is_in(elsewhere)
    assert browser().sign_in("mia", PASSWORD).status_code == 422
    assert browser().sign_in("mia", NEW).status_code == 200


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("short", "A password has 10 to 200 characters."),
        ("password123", "too easy to guess"),
        ("", "Please enter a new password."),
    ],
)
def test_a_new_password_that_will_not_do_says_so_and_changes_nothing(
    sign_in: Callable, password: str, sentence: str
) -> None:
    mia = sign_in("mia")
    answer = mia.post("/account/password", current=PASSWORD, password=password)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert is_in(mia)
    assert accounts.authenticate("mia", PASSWORD)


def test_guessing_the_password_on_an_open_page_goes_only_so_often(app: Flask, sign_in: Callable) -> None:
    app.config["LIMIT_SIGN_IN"] = 3
    mia = sign_in("mia")
    answers = [mia.post("/account/password", current="a guess", password=NEW) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [422, 422, 422, 429]
    for answer in answers:
        assert re.findall(r'<input id="(\w+)"[^>]* autofocus aria-invalid="true"', answer.text) == ["current"]


def test_one_sees_where_one_is_signed_in_and_signs_out_everywhere(sign_in: Callable, browser: Callable) -> None:
    here, elsewhere = sign_in("mia"), browser()
    elsewhere.sign_in("mia")
    page = here.get("/account/").text
    assert page.count("this browser") == 1
    assert page.count("last seen") == 1
    here.post("/account/sign-out")
    assert not is_in(here)
    assert not is_in(elsewhere)


def test_a_cookie_that_somebody_copied_is_good_for_nothing_after_signing_out(app: Flask, sign_in: Callable) -> None:
    mia, thief = sign_in("mia"), Browser(app)
    thief.client.set_cookie("session", mia.client.get_cookie("session").value)
    assert is_in(thief)
    mia.post("/sign-out")
    assert not is_in(thief)


def test_signing_in_makes_a_session_that_nobody_knew_before(app: Flask, browser: Callable, person: Callable) -> None:
    person("mia")
    mia = browser()
    mia.get("/sign-in")
    planted = mia.client.get_cookie("session").value
    mia.sign_in("mia")
    assert is_in(mia)
    other = browser()
    other.client.set_cookie("session", planted)
    assert not is_in(other)


def test_who_does_nothing_is_signed_out_and_so_is_everybody_in_the_end(app: Flask, sign_in: Callable) -> None:
    mia = sign_in("mia")
    for column, hours in ((SignIn.seen, 13), (SignIn.created, 169)):
        assert is_in(mia)
        with writing():
            db.session.execute(sa.update(SignIn).values({column: column_less(column, hours)}))
        assert not is_in(mia)
        mia.sign_in("mia")


def column_less(column: sa.orm.InstrumentedAttribute, hours: int) -> object:
    return db.session.scalars(sa.select(column).order_by(column.desc())).first() - timedelta(hours=hours)


def test_an_open_grid_that_asks_what_is_new_keeps_nobody_signed_in(sign_in: Callable) -> None:
    mona = sign_in("mona", Role.MODERATOR)
    with writing():
        db.session.execute(sa.update(SignIn).values(seen=column_less(SignIn.seen, 2)))
    before = db.session.scalars(sa.select(SignIn.seen)).one()
    mona.get("/review/changes?since=0")
    db.session.rollback()
    assert db.session.scalars(sa.select(SignIn.seen)).one() == before
    mona.get("/review/")
    db.session.rollback()
    assert db.session.scalars(sa.select(SignIn.seen)).one() > before


def test_deactivating_and_a_changed_role_count_at_once(sign_in: Callable) -> None:
    mona = sign_in("mona", Role.MODERATOR)
    with writing():
        accounts.set_role(accounts.named("mona"), Role.MEMBER)
    assert mona.get("/review/").status_code == 403
    with writing():
        accounts.deactivate(accounts.named("mona"))
    assert mona.get("/picture").location.startswith("/sign-in")
    answer = mona.sign_in("mona")
    assert answer.status_code == 422
    assert "Name and password do not belong together." in answer.text


# --- links ---------------------------------------------------------------------------


def link_for(admin: Browser, account_id: int) -> str:
    page = admin.post(f"/admin/people/{account_id}/link").text
    return re.search(r'value="http://localhost(/password/[^"]+)"', page)[1]


def test_a_link_that_somebody_uses_at_the_same_moment_is_not_the_passwords_fault(
    app: Flask, browser: Callable, person: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    person("mia")
    with writing():
        secret = links.issue(accounts.named("mia"), timedelta(hours=1))

    def used(*_these: object) -> None:
        raise NotFound("This link was used already")

    monkeypatch.setattr(links, "redeem", used)
    answer = browser().post(f"/password/{secret}", password=NEW)
    assert answer.status_code == 404
    assert "This link was used already" in answer.text
    assert "aria-invalid" not in answer.text


def test_an_admin_hands_out_a_link_and_its_person_chooses_a_password(
    sign_in: Callable, browser: Callable, person: Callable
) -> None:
    rosa, mia = sign_in("rosa", Role.ADMIN), person("mia")
    link, hers = link_for(rosa, mia), browser()
    page = hers.get(link)
    assert "A new password for mia" in page.text
    assert page.headers["Referrer-Policy"] == "same-origin"  # the address is a secret; over HTTPS the form needs it
    assert page.headers["Cache-Control"] == "no-store"
    assert "too easy" in hers.post(link, password="password123").text
    answer = hers.post(link, password=NEW)
    assert answer.request.path == "/picture"
    assert "Your new password counts from now on." in answer.text
    assert hers.get(link).status_code == hers.post(link, password=PASSWORD).status_code == 404
    assert browser().sign_in("mia", NEW).status_code == 200
    db.session.rollback()
    rows = [(row.kind, row.by_id, row.account_id) for row in db.session.scalars(sa.select(Record))]
    assert ("link", 1, mia) in rows
    assert ("password", mia, mia) in rows


def test_a_link_cannot_be_guessed(browser: Callable, person: Callable) -> None:
    person("mia")
    for path in ("/password/mia", "/password/1", "/password/" + "x" * 43):
        assert browser().get(path).status_code == 404
        assert browser().post(path, password=NEW).status_code == 404


def test_an_admin_signs_somebody_out_everywhere(sign_in: Callable) -> None:
    rosa, mia = sign_in("rosa", Role.ADMIN), sign_in("mia")
    number = db.session.scalars(sa.select(Account.id).filter_by(name="mia")).one()
    assert "mia is signed out everywhere." in rosa.post(f"/admin/people/{number}/sign-out").text
    assert not is_in(mia)


def test_the_command_line_prints_a_link_and_signs_out(instance: Path, sign_in: Callable, browser: Callable) -> None:
    mia, runner = sign_in("mia"), CliRunner()
    where = ["--instance", str(instance)]
    answer = runner.invoke(main, ["accounts", "link", "mia", "--site", "https://dating.example/", *where])
    assert answer.exit_code == 0, answer.output
    link = answer.output.splitlines()[0]
    assert link.startswith("https://dating.example/password/")
    assert runner.invoke(main, ["accounts", "sign-out", "mia", *where]).exit_code == 0
    assert not is_in(mia)
    hers = browser()
    hers.post(link.removeprefix("https://dating.example"), password=NEW)
    assert is_in(hers)
    unknown = runner.invoke(main, ["accounts", "link", "nobody", *where])
    assert unknown.exit_code == 2
    assert "There is no account named nobody." in unknown.output


MEANWHILE: dict[str, Callable[[Account], object]] = {
    "deactivated": accounts.deactivate,
    "password": lambda account: accounts.set_password(account, NEW),
    "signed out": accounts.sign_out,
}


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable], None]:
    """Something happens to an account while its password is looked at, which takes a while."""

    def arrange(name: str, happen: Callable[[Account], object]) -> None:
        look = accounts.authenticate

        def slowly(*given: str) -> accounts.Proof | None:
            proof = look(*given)
            with writing():
                happen(accounts.named(name))
            return proof

        monkeypatch.setattr(accounts, "authenticate", slowly)

    return arrange


@pytest.mark.parametrize("way", ["deactivated", "password"])
def test_a_sign_in_that_is_under_way_does_not_outlive_what_ends_it(
    meanwhile: Callable, person: Callable, browser: Callable, way: str
) -> None:
    person("mia")
    meanwhile("mia", MEANWHILE[way])
    mia = browser()
    answer = mia.sign_in("mia")
    assert answer.status_code == 422
    assert "Name and password do not belong together." in answer.text
    assert not is_in(mia)


def test_of_two_new_passwords_by_the_same_old_one_the_first_counts(meanwhile: Callable, sign_in: Callable) -> None:
    mia = sign_in("mia")
    meanwhile("mia", MEANWHILE["password"])
    answer = mia.post("/account/password", current=PASSWORD, password="one that comes too late")
    assert answer.status_code == 422
    assert "This is not the password that you have now." in answer.text
    assert accounts.authenticate("mia", NEW)


def test_whoever_signs_in_again_leaves_no_session_behind(app: Flask, sign_in: Callable) -> None:
    mia, thief = sign_in("mia"), Browser(app)
    thief.client.set_cookie("session", mia.client.get_cookie("session").value)
    mia.sign_in("mia")
    assert is_in(mia)
    assert not is_in(thief)


def test_a_deactivated_account_is_shown_nothing_whatever_session_there_is(sign_in: Callable) -> None:
    mia = sign_in("mia")
    with writing():
        accounts.named("mia").deactivated = now()
    assert not is_in(mia)
