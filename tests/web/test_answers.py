"""What is said where a session has ended or begun anew meanwhile: the true cause, and all that was typed."""

from collections.abc import Callable

import pytest

from moderation import accounts
from moderation.database import writing
from moderation.models import Role
from tests.conftest import PASSWORD
from tests.web.conftest import Browser

TYPED = {"text": "It is my <knee>.", "reason": "A logo & more", "note": "Ask Ola\nfirst"}

STALE = "This page is of an earlier sign-in, or was open for too long."


def shown(page: str) -> list[str]:
    """What the page gives back of what was typed."""
    return [one.partition("</blockquote>")[0] for one in page.split("<blockquote>")[1:]]


def signed_out(browser: Browser, name: str) -> Browser:
    """As after signing out everywhere, in another browser."""
    with writing():
        accounts.sign_out(accounts.named(name))
    return browser


def stale(path: str, **form: object) -> dict[str, object]:
    """How a form is sent whose token is another session's."""
    return {"method": "POST", "path": path, "data": {"csrf_token": "of an earlier sign-in", **form}}


def on(browser: Browser, page: str) -> Browser:
    """What is sent next comes from that page."""
    browser.client.environ_base["HTTP_REFERER"] = page
    return browser


def test_what_was_typed_while_signed_out_is_given_back_with_a_way_to_sign_in_and_return(sign_in: Callable) -> None:
    mia = on(signed_out(sign_in("mia"), "mia"), "http://localhost/picture?before=9")
    answer = mia.post("/picture/1/appeal", **TYPED)
    assert answer.status_code == 401
    assert "<h1>You are signed out</h1>" in answer.text
    assert "Sign in again and send it once more." in answer.text
    assert shown(answer.text) == ["A logo &amp; more", "Ask Ola\nfirst", "It is my &lt;knee&gt;."]
    assert 'href="/sign-in?next=/picture?before%3D9">Sign in</a>' in answer.text
    back = mia.post("/sign-in?next=/picture?before%3D9", follow=False, name="mia", password=PASSWORD)
    assert back.location == "/picture?before=9"


@pytest.mark.parametrize(
    "page",
    [
        "",
        "https://evil.example/picture",
        "http://localhost@evil.example/picture",
        "http://localhost//evil.example/",
        "http://localhost/picture/1/appeal",  # which only takes forms
        "http://localhost/nowhere",
        "http://[",
    ],
)
def test_nothing_leads_back_to_another_site_or_to_what_is_no_page(sign_in: Callable, page: str) -> None:
    mia = on(sign_in("mia"), page)
    answer = mia.send(**stale("/picture/1/appeal", **TYPED))
    assert 'href="/">Go to the start page</a>' in answer.text
    answer = signed_out(mia, "mia").post("/picture/1/appeal", **TYPED)
    assert 'href="/sign-in">Sign in</a>' in answer.text


def test_a_script_is_told_in_a_sentence_that_somebody_is_signed_out(sign_in: Callable) -> None:
    mona = signed_out(sign_in("mona", Role.MODERATOR), "mona")
    sentence = {"error": "You are signed out. Please reload the page and sign in."}
    assert mona.post("/review/pictures/1/mark", json=True).json == sentence
    assert mona.get("/review/changes?since=0", headers={"Accept": "application/json"}).json == sentence


def test_a_form_of_an_earlier_sign_in_says_so_and_gives_back_what_was_typed(sign_in: Callable) -> None:
    mia = on(sign_in("mia"), "http://localhost/picture")
    answer = mia.send(**stale("/picture/1/appeal", **TYPED))
    assert answer.status_code == 400
    assert f"{STALE} Please go back, reload it and try again." in answer.text
    assert len(shown(answer.text)) == 3
    assert 'href="/picture">Go back to the page</a>' in answer.text


def test_on_the_grid_there_is_no_page_to_go_back_to(sign_in: Callable) -> None:
    mona = sign_in("mona", Role.MODERATOR)
    asked = stale("/review/pictures/1/mark", note="Ask Ola")
    answer = mona.send(**asked, headers={"Accept": "application/json"})
    assert answer.json == {"error": f"{STALE} Please reload it and try again."}


def test_signing_in_on_a_page_that_is_older_than_ones_sign_in_leads_in(sign_in: Callable, browser: Callable) -> None:
    mona = sign_in("mona", Role.MODERATOR)
    form = stale("/sign-in?next=/review/history", name="mona", password=PASSWORD)
    assert mona.send(**form, follow_redirects=True).request.path == "/review/history"
    assert mona.send(**stale("/sign-in", name="mona"), follow_redirects=True).request.path == "/review/"
    stranger = browser().send(**form)
    assert stranger.status_code == 400
    assert STALE in stranger.text


@pytest.mark.parametrize(
    "asked", [stale("/sign-in?next=a%00b"), stale("/picture?x=%00"), {"method": "GET", "path": "/nowhere?x=%00"}]
)
def test_an_address_that_makes_no_sense_is_refused_whatever_else_is_wrong(sign_in: Callable, asked: dict) -> None:
    answer = sign_in("mia").send(**asked)
    assert answer.status_code == 400
    assert "This request cannot be understood." in answer.text
