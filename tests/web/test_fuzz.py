"""Every route, as every kind of visitor, asked for nonsense: no 5xx, nothing that is not for that visitor.

With --long, thirty times as much.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.datastructures import FileStorage
from werkzeug.routing import Rule
from werkzeug.test import TestResponse, encode_multipart

from moderation import accounts, allowing, appeals, escalation, links, review, tokens, uploads
from moderation.database import db, writing
from moderation.models import Account, Picture, Role, SignIn, Status
from moderation.parts import Parts
from moderation.shield import blank
from tests.conftest import PASSWORD, near_copy
from tests.web.conftest import Browser

# Of a form that is cut short, werkzeug leaves the temporary files to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

ROUNDS = 1
"""How often each route is asked with each of its methods; with --long, thirty times as often."""

VISITORS = ("nobody", "member", "moderator", "entrusted", "admin", "software")

APPEAL = "Zwaluw is what I wrote in private."

METHODS = ("GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "BREW")

NUMBERS = ("0", "1", "2", "3", "5", "8", "-1", "2147483648", "9223372036854775808", "9" * 60, "1e9", "٣", "0x1", " 1 ")

WORDS = (
    *("", " ", "a", "mia", "MIA", "all", "undecided", "held", "published", "7", "yes", "on", "admin", "member", "mark"),
    *("' OR 1=1 --", '"; DROP TABLE accounts; --', "%", "_", "%' ESCAPE '", "\\", "{{7*7}}", "${7*7}", "%s%n%x"),
    *(
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "../../../../etc/passwd",
        "..\\..\\x",
        "file:///x",
    ),
    *("//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/review/", "/\t/evil"),
    *("\0", "a\0b", "\r\nSet-Cookie: a=b", "\u202egnp.exe", "\ufeff", "\ud7ff", "😀" * 50, "x" * 5000, "ß" * 300),
    *("2026-01-01T00:00", "0001-01-01", "9999-12-31T23:59:59", "2026-13-45", "NaN", "Infinity", "None", "null", "[]"),
)

NAMES = (
    *("before", "since", "show", "order", "size", "member", "level", "days", "dhash", "phash", "q", "after", "by"),
    *("cards", "entry", "epoch"),
    *(
        "kind",
        "undone",
        "person",
        "next",
        "picture",
        "seen",
        "reason",
        "note",
        "role",
        "text",
        "copy",
        "listed",
        "take",
        "go",
    ),
    *("back", "name", "password", "current", "note", "fine", "again", "entrusted", "only", "claimed", "take_over"),
    *("csrf_token", "file", "state", "v", "no such field"),
)

HEADERS = (
    ("Accept", "*/*;q=nonsense"),
    ("Accept-Encoding", "br;q=1e400"),
    ("Authorization", "Bearer mod_nonsense"),
    ("Authorization", "Basic !!!"),
    ("Authorization", "Bearer"),
    ("Content-Encoding", "gzip"),
    ("Cookie", "session=nonsense; known=nonsense"),
    ("Cookie", "session=.eJw; __Host-session=; ;;=;"),
    ("Host", "evil.example"),
    ("Host", "a..b"),
    ("If-Modified-Since", "yesterday"),
    ("If-None-Match", '"'),
    ("Range", "bytes=5-1,-9999999999999999999"),
    ("Referer", "https://evil.example/"),
    ("User-Agent", "\x7f" * 100),
    ("X-Forwarded-For", "not an address, ::::"),
    ("X-Forwarded-Host", "evil.example:nonsense"),
    ("X-Forwarded-Proto", "gopher"),
    ("X-HTTP-Method-Override", "DELETE"),
)


@dataclass
class Site:
    """What there is to be found, and what nobody, or not everybody, may find."""

    app: Flask
    parts: Parts
    browser: Browser
    pictures: dict[str, int]
    token: str
    link: str


@pytest.fixture
def site(app: Flask, parts: Parts, person: Callable[..., int], draw: Callable[..., bytes]) -> Site:
    """A site with something of everything; each member's and each picture's name says whose it is."""
    for name in ("LIMIT_SIGN_IN", "LIMIT_SIGN_IN_ADDRESS", "LIMIT_SIGN_UP_ADDRESS", "LIMIT_UPLOADS"):
        app.config[name] = 0  # else most of what is asked is asked too often
    app.config["LIMIT_UPLOADS_ADDRESS"] = 0
    people = {name: person(name, role) for name, role in PEOPLE.items()}
    with writing():
        accounts.set_entrusted(accounts.named("elsa"), True)
    shown, marked, kept, apart, old = (
        uploads.receive(parts, people["zmia"], draw(seed, size=240)).id for seed in range(5)
    )
    review.mark(parts, marked, people["mona"], status_decision(marked))
    refused = uploads.receive(parts, people["zmia"], near_copy(draw(1, size=240))).id
    appeals.ask(refused, people["zmia"], APPEAL, timedelta(days=1))
    escalation.escalate(parts, apart, people["mona"], "apart")
    allowing.add_picture(parts, kept, "known good", people["root"])
    with writing():
        token = tokens.create("chat")
        link = links.issue(accounts.named("zmia"), timedelta(days=1))
    pictures = {"shown": shown, "marked": marked, "kept": kept, "apart": apart, "old": old, "refused": refused}
    return Site(app, parts, Browser(app), pictures, token, link)


PEOPLE = {
    "zmia": Role.MEMBER,
    "pat": Role.MEMBER,
    "mona": Role.MODERATOR,
    "elsa": Role.MODERATOR,
    "root": Role.ADMIN,
    "rosa": Role.ADMIN,
}

SIGNS_IN_AS = {"member": "pat", "moderator": "mona", "entrusted": "elsa", "admin": "rosa"}


def status_decision(picture_id: int) -> int | None:
    return db.session.get_one(Picture, picture_id).decision_id


def requests(rng: random.Random, app: Flask, rounds: int, site: Site, token: Callable[[], str]) -> Iterator[Any]:
    """What is asked: each route with each method it takes, and now and then one that it does not."""
    rules = sorted(app.url_map.iter_rules(), key=str)
    for _ in range(rounds):
        for rule in rules:
            methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
            for method in [*methods, rng.choice(METHODS)]:
                yield method, path_of(rng, rule, site), body(rng, method, token)


def path_of(rng: random.Random, rule: Rule, site: Site) -> str:
    path = str(rule.rule)
    for argument in rule.arguments:
        known = [str(id_) for id_ in site.pictures.values()]
        numbers = [*known, *known, *(number for number in NUMBERS)]
        texts = [*WORDS, site.link, "moderators", "uploads", "style.css", "../config.py", "%2e%2e/config.py"]
        path = path.replace(f"<int:{argument}>", quote(rng.choice(numbers)))
        for kind in ("", "path:", "string:"):
            path = path.replace(f"<{kind}{argument}>", quote(rng.choice(texts), safe="/%"))
    fields = [(rng.choice(NAMES), rng.choice(NUMBERS + WORDS)) for _ in range(rng.choice((0, 0, 1, 2, 4)))]
    return path + (
        "?" + urlencode(fields) if fields else rng.choice(("", "", "", "?%", "?&&==&%00=%ff", "?a=%ed%a0%80"))
    )


def body(rng: random.Random, method: str, token: Callable[[], str]) -> dict[str, Any]:
    headers = dict(rng.sample(HEADERS, rng.choice((0, 0, 0, 1, 2))))
    if rng.random() < 0.3:
        headers["Accept"] = "application/json"  # as the script on our pages does
    if method in ("GET", "HEAD", "OPTIONS", "TRACE"):
        return {"headers": headers}
    form: dict[str, Any] = {rng.choice(NAMES): rng.choice(NUMBERS + WORDS) for _ in range(rng.choice((0, 1, 3, 6)))}
    if rng.random() < 0.9:
        form["csrf_token"] = token()
    kind = rng.choice(("form", "form", "form", "files", "files", "raw", "cut"))
    if kind == "form":
        return {"data": form, "headers": headers}
    if kind == "raw":
        types = ("application/json", "text/plain", "multipart/form-data", "multipart/mixed; boundary=x", "x", "")
        return {"data": rng.randbytes(rng.choice((0, 1, 400))), "content_type": rng.choice(types), "headers": headers}
    name = rng.choice(("a.jpg", "", "../../x.jpg", "a\0.jpg", "\u202egpj.exe", "a" * 500, 'a"\r\n.jpg', "a.svg"))
    data = rng.choice((b"", rng.randbytes(300), GIF, GIF[:-9], b"<svg xmlns='http://www.w3.org/2000/svg'/>"))
    form[rng.choice(("picture", "file", "other"))] = FileStorage(BytesIO(data), name)
    boundary, sent = encode_multipart(form)
    if kind == "cut":
        sent = sent[: rng.randrange(len(sent))]
    return {"data": sent, "content_type": f'multipart/form-data; boundary="{boundary}"', "headers": headers}


GIF = (
    b"GIF89a\x02\x00\x02\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x00\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x02\x00\x02\x00\x00\x02\x03D\x02\x05\x00;"
)


@pytest.mark.parametrize("visitor", VISITORS)
def test_nonsense_breaks_nothing_and_shows_nothing(site: Site, visitor: str, long: bool) -> None:
    rng = random.Random(f"moderation {visitor}")
    browser, app = site.browser, site.app
    csrf = ""

    def come() -> None:
        nonlocal csrf
        browser.client.delete_cookie("session")
        if visitor in SIGNS_IN_AS:
            assert browser.sign_in(SIGNS_IN_AS[visitor]).status_code == 200
        csrf = browser.get("/sign-in").text.split('name="csrf_token" type="hidden" value="')[1].split('"')[0]

    come()
    seen: dict[int, int] = {}
    for number, (method, path, options) in enumerate(
        requests(rng, app, ROUNDS * (30 if long else 1), site, lambda: csrf)
    ):
        if visitor == "software":
            options["headers"] = options["headers"] | {"Authorization": f"Bearer {site.token}"}
        answer = browser.send(method, path, **options)
        told = f"{method} {path} {options} as {visitor}: {answer.status}"
        seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
        assert answer.status_code < 500, told
        assert leaks(site, visitor, answer, path) == [], told
        if number % 5 == 0 and visitor in SIGNS_IN_AS and not is_in(site, SIGNS_IN_AS[visitor]):
            back_again(SIGNS_IN_AS[visitor])
            come()
    assert "BREW" not in browser.get("/metrics").text  # what strangers make up is not kept
    assert seen[200] >= 3, seen
    assert sum(seen.values()) > len(list(app.url_map.iter_rules()))


def is_in(site: Site, name: str) -> bool:
    return "sign-in" not in (site.browser.get("/account/").location or "")


def back_again(name: str) -> None:
    """The account as it was, whatever an admin who asks for nonsense did to it."""
    with writing():
        account = db.session.scalars(sa.select(Account).filter_by(key=name)).one()
        if accounts.authenticate(name, PASSWORD) is None:
            account.deactivated = None
            accounts.set_password(account, PASSWORD)


def leaks(site: Site, visitor: str, answer: TestResponse, path: str) -> list[str]:
    """What the answer says that is not for that visitor."""
    found = [header for header in ("Content-Security-Policy", "X-Content-Type-Options") if header not in answer.headers]
    secret = ["Traceback (most", "sqlalchemy", "argon2id", site.app.secret_key, site.app.instance_path, site.token]
    db.session.rollback()
    secret += db.session.scalars(sa.select(Account.password)).all()
    secret += [row.hex() for row in db.session.scalars(sa.select(SignIn.hash))]
    text = answer.get_data(as_text=True) if answer.mimetype != "image/jpeg" else ""
    found += [one for one in secret if one and one in text]
    if site.link in text and site.link not in path:
        found.append("a link that sets a password")
    if visitor in ("nobody", "member", "software"):
        found += [one for one in (APPEAL, "zmia", "mona", "elsa") if one in text and not path.startswith("/password/")]
    if answer.mimetype == "image/jpeg" and answer.data:
        found += hidden(site, visitor, answer.data)
    # To one slash less, werkzeug sends people by the whole address.
    location = answer.headers.get("Location", "").removeprefix(answer.request.host_url.rstrip("/"))
    if location and not (location.startswith("/") and not location.startswith(("//", "/\\"))):
        found.append(f"a way to {location}")
    return found


def hidden(site: Site, visitor: str, data: bytes) -> list[str]:
    """The pictures whose files these bytes are, where that visitor may not see them."""
    if data == blank():
        return []
    found = []
    name = SIGNS_IN_AS.get(visitor)
    entrusted = visitor == "entrusted"
    if visitor == "admin":  # who may have entrusted herself meanwhile
        entrusted = accounts.is_entrusted(accounts.named(name).id)
    for picture in db.session.scalars(sa.select(Picture)):
        for key in (picture.file, picture.thumbnail):
            if not site.parts.store.has(key) or site.parts.store.get(key) != data:
                continue
            shown = picture.status is Status.PUBLISHED
            escalated = picture.status is Status.ESCALATED
            mine = picture.member.name == name
            staff = visitor in ("moderator", "entrusted", "admin")
            allowed = visitor != "nobody" and (shown or mine or staff)
            if not (entrusted if escalated else allowed):
                found.append(f"picture {picture.id}, {picture.status}")
    return found
