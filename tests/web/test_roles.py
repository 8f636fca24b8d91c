"""Every route against every role: a view that is added tomorrow is covered today."""

from collections.abc import Callable

import pytest
from flask import Flask

from moderation.models import Role
from tests.conftest import PASSWORD
from tests.web.conftest import Browser

OPEN = {
    "static",
    "account.home",
    "account.sign_in",
    "account.sign_up",
    "account.sign_out",
    "account.setup",
    "account.password",
    "health.alive",
    "health.ready",
    "health.figures",  # to this very machine, or with a token
}
"""For everybody, signed in or not."""

NEEDS = {
    "me": Role.MEMBER,
    "member": Role.MEMBER,
    "moderator": Role.MODERATOR,
    "cases": Role.MODERATOR,
    "escalated": None,  # nobody by role: people whom an admin has named
    "blocklist": Role.MODERATOR,
    "admin": Role.ADMIN,
    "audit": Role.ADMIN,
    "api": None,
}
"""What each area asks for; None where no role lets a person in. An area that is not here fails
the test."""


ENDS = {"me.sign_out", "admin.sign_out"}
"""What signs the visitor out."""


def enters(browser: Browser, path: str, method: str) -> bool:
    """Whether the guard lets that request through, whatever the view says then."""
    answer = browser.get(path) if method == "GET" else browser.post(path, follow=False)
    to_sign_in = answer.status_code in (302, 303) and answer.location.startswith("/sign-in")
    return not to_sign_in and answer.status_code not in (401, 403)


@pytest.mark.parametrize("role", [None, *Role])
@pytest.mark.on_both
def test_who_may_enter_where(app: Flask, browser: Callable, sign_in: Callable, role: Role | None) -> None:
    visitor = sign_in("pat", role) if role else browser()
    asked = 0
    for rule in app.url_map.iter_rules():
        if rule.endpoint in OPEN:
            continue
        needed = NEEDS[rule.endpoint.partition(".")[0]]
        path = str(rule.rule)
        for argument in rule.arguments:
            path = path.replace(f"<int:{argument}>", "1")
        for method in sorted((rule.methods or set()) & {"GET", "POST", "PUT", "PATCH", "DELETE"}):
            allowed = role is not None and needed is not None and role.includes(needed)
            assert enters(visitor, path, method) == allowed, f"{method} {path} as {role}"
            asked += 1
            if allowed and rule.endpoint in ENDS:
                visitor.sign_in("pat")
    assert asked > 10


def test_a_form_from_another_site_does_nothing(sign_in: Callable, browser: Callable, person: Callable) -> None:
    mona, other = sign_in("mona", Role.MODERATOR), browser()
    person("eve")
    for path in ("/review/pictures/1/mark", "/picture", "/sign-out"):
        assert mona.send("POST", path).status_code == 400
    for visitor in (mona, other):  # nor does it sign in, as somebody else either
        visitor.send("POST", "/sign-in", data={"name": "eve", "password": PASSWORD})
    assert mona.get("/review/").status_code == 200
    assert other.get("/picture").status_code == 302


def test_every_answer_carries_the_strict_headers(sign_in: Callable) -> None:
    mona = sign_in("mona", Role.MODERATOR)
    for path in ("/review/", "/static/style.css", "/nowhere", "/picture", "/api/v1/check", "/review/history.csv"):
        headers = mona.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert {"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} <= set(policy.split("; "))
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "camera=()" in headers["Permissions-Policy"]
        assert "Access-Control-Allow-Origin" not in headers
        assert "Strict-Transport-Security" not in headers  # over plain HTTP it would say nothing
        secure = mona.get(path, base_url="https://dating.example").headers
        assert secure["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_no_page_stays_in_a_cache(sign_in: Callable) -> None:
    rosa = sign_in("rosa", Role.ADMIN)
    for path in ("/sign-in", "/picture", "/account/", "/review/", "/admin/", "/admin/people", "/nowhere"):
        assert rosa.get(path).headers["Cache-Control"] == "no-store", path


def test_the_session_cookie_goes_over_https_only_but_for_this_very_machine(browser: Callable) -> None:
    local = browser().get("/sign-in", base_url="http://127.0.0.1:8000").headers["Set-Cookie"]
    public = browser().get("/sign-in", base_url="http://dating.example").headers["Set-Cookie"]
    proxied = browser().get("/sign-in", base_url="http://127.0.0.1", headers={"X-Forwarded-Proto": "https"})
    assert "Secure" not in local
    assert "Secure" in public
    assert "Secure" in proxied.headers["Set-Cookie"]
    assert local.startswith("session=")
    assert public.startswith("__Host-session=")
    assert "Path=/" in public
    assert "Domain" not in public
    for cookie in (local, public):
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
