"""Signing up, in and out; the first admin."""

import re
from collections.abc import Callable

import pytest
from flask import Flask

from moderation import accounts
from moderation.database import writing
from moderation.models import Role
from moderation.web.account import setup_token
from tests.conftest import PASSWORD


def test_a_person_signs_up_and_lands_on_the_own_page(browser: Callable) -> None:
    mia = browser()
    answer = mia.post("/sign-up", name="mia", password=PASSWORD)
    assert answer.request.path == "/picture"
    assert "My profile picture" in answer.text


def test_sign_up_can_be_switched_off(app: Flask, browser: Callable) -> None:
    app.config["SIGN_UP"] = False
    assert browser().get("/sign-up").status_code == 404
    assert "Open one" not in browser().get("/sign-in").text


@pytest.mark.parametrize(
    ("name", "password", "field", "sentence"),
    [
        ("mia", "short", "password", "A password has 10 to 200 characters."),
        ("mia", "password123", "password", "This password is too easy to guess"),
        ("mia", "", "password", "Please enter a password."),
        ("", PASSWORD, "name", "Please enter a name."),
        ("<b>", PASSWORD, "name", "A name has 2 to 40 letters"),
        ("MONA", PASSWORD, "name", "The name MONA is taken."),
    ],
)
def test_what_will_not_do_is_said_at_its_field_which_has_the_focus(
    app: Flask, browser: Callable, person: Callable, name: str, password: str, field: str, sentence: str
) -> None:
    person("mona")
    for path in ("/sign-up", f"/setup/{setup_token(app.secret_key)}"):
        answer = browser().post(path, name=name, password=password)
        assert answer.status_code == 422
        assert re.search(rf'<p class="error" id="{field}-error">{sentence}', answer.text)
        assert answer.text.count('class="error"') == answer.text.count("autofocus") == 1
        (wrong,) = re.findall(r'<input [^>]*aria-invalid="true"[^>]*>', answer.text)
        assert f'id="{field}"' in wrong
        assert " autofocus" in wrong


def of_the_whole_form(page: str, sentence: str) -> bool:
    """Whether that is said once, above the fields, and no field is said to be wrong."""
    above = page.partition('<div class="field">')[0]
    said = re.search(rf'<p class="error" role="alert">[^<]*{sentence}', above)
    return bool(said) and page.count('class="error"') == 1 and "aria-invalid" not in page


def test_what_is_wrong_with_no_field_is_said_of_the_whole_form(
    app: Flask, browser: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.config["LIMIT_SIGN_UP_ADDRESS"] = 1
    browser().post("/sign-up", name="eve", password=PASSWORD)
    answer = browser().post("/sign-up", name="ana", password=PASSWORD)
    assert answer.status_code == 429
    assert of_the_whole_form(answer.text, "Please wait")
    app.config["LIMIT_SIGN_UP_ADDRESS"] = 0
    there = iter([False, True])  # somebody else was faster
    monkeypatch.setattr(accounts, "has_admin", lambda: next(there))
    answer = browser().post(f"/setup/{setup_token(app.secret_key)}", name="ada", password=PASSWORD)
    assert answer.status_code == 409
    assert of_the_whole_form(answer.text, "This site has an admin already. Please sign in.")


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(browser: Callable, person: Callable) -> None:
    person("mia")
    wrong = browser().post("/sign-in", name="mia", password="not my password")
    unknown = browser().post("/sign-in", name="nobody", password="not my password")
    assert wrong.status_code == unknown.status_code == 422
    for answer in (wrong, unknown):
        assert "Name and password do not belong together." in answer.text
        assert re.search(r'<input id="password"[^>]* autofocus aria-invalid="true"', answer.text)


def test_after_signing_in_people_get_the_page_they_wanted_but_never_another_site(
    browser: Callable, person: Callable
) -> None:
    person("mona", Role.MODERATOR)
    wanted = browser().get("/review/history")
    assert wanted.location == "/sign-in?next=/review/history"
    elsewhere = ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)")
    nowhere = ("/%0d%0aX", "//%5b", "/%09/%5b", "/%09/a%E2%84%80b", "/%c2%85")
    for hostile in (*elsewhere, *nowhere):
        assert browser().get(f"/?next={hostile}").location == "/sign-in"
        answer = browser().post(f"/sign-in?next={hostile}", follow=False, name="mona", password=PASSWORD)
        assert answer.location == "/review/"
    answer = browser().post("/sign-in?next=/review/history", follow=False, name="mona", password=PASSWORD)
    assert answer.location == "/review/history"


def test_a_new_password_signs_out_everywhere(sign_in: Callable) -> None:
    mia = sign_in("mia")
    assert mia.get("/picture").status_code == 200
    with writing():
        accounts.set_password(accounts.named("mia"), "another long password")
    assert mia.get("/picture").location.startswith("/sign-in")


def test_signing_out_ends_the_session(sign_in: Callable) -> None:
    mia = sign_in("mia")
    answer = mia.post("/sign-out", follow=False)
    assert answer.headers["Clear-Site-Data"] == '"cache"'
    assert "You are signed out." in mia.get(answer.location).text
    assert mia.get("/picture").status_code == 302


def test_the_set_up_link_makes_the_first_admin_and_no_second_one(app: Flask, browser: Callable) -> None:
    link = f"/setup/{setup_token(app.secret_key)}"
    answer = browser().post(link, name="ada", password=PASSWORD)
    assert accounts.named("ada").role is Role.ADMIN
    assert answer.request.path == "/review/"

    assert browser().get(link).status_code == 409
    assert browser().post(link, name="eve", password=PASSWORD).status_code == 409
    assert accounts.find("eve") is None


def test_a_set_up_link_cannot_be_guessed(browser: Callable) -> None:
    assert browser().get("/setup/first%20admin").status_code == 404
    assert browser().get(f"/setup/{setup_token('another key')}").status_code == 404
