"""The interface for other software: a picture in, the verdict out, a problem for whatever is wrong."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO

import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from moderation import review, tokens, uploads
from moderation.canonical import canonical
from moderation.database import db, writing
from moderation.fingerprint import fingerprint
from moderation.matching import Hit
from moderation.models import Role
from moderation.parts import Parts
from moderation.verify import Agreement
from moderation.views import Cut, number
from tests.browser.conftest import served
from tests.conftest import near_copy, save
from tests.web.conftest import Browser

CHECK = "/api/v1/check"

Ask = Callable[..., TestResponse]


@pytest.fixture
def token(app: Flask) -> str:
    with writing():
        return tokens.create("chat")


@pytest.fixture
def ask(app: Flask, token: str) -> Ask:
    """`ask(picture)` sends it as the whole body, with the token; the rest goes to the test client."""

    def send(body: bytes = b"", method: str = "POST", path: str = CHECK, **options: object) -> TestResponse:
        headers = {"Authorization": f"Bearer {token}"} | options.pop("headers", {})
        return Browser(app).send(method, path, data=body, headers=headers, **options)

    return send


@pytest.fixture
def as_form(ask: Ask) -> Ask:
    """`as_form(picture=[one, other])` sends them as files in a form."""

    def send(**parts: list[bytes] | str) -> TestResponse:
        fields = {
            name: value if isinstance(value, str) else [FileStorage(BytesIO(one), "a.jpg") for one in value]
            for name, value in parts.items()
        }
        boundary, body = encode_multipart(fields)
        return ask(body, content_type=f'multipart/form-data; boundary="{boundary}"')

    return send


@pytest.fixture
def block(parts: Parts, person: Callable[..., int]) -> Callable[[bytes], int]:
    """Block that picture; returns the entry's number."""

    def block(picture: bytes) -> int:
        decision, _ = review.import_entries(parts, [("bad.jpg", fingerprint(canonical(picture)))], None, "bad")
        return decision.entries[0].id

    return block


def problem_of(answer: TestResponse, status: int) -> str:
    """The detail of a problem; everything else about it is checked here."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    fields = json.loads(answer.data)
    assert set(fields) == {"type", "title", "status", "detail"}
    assert fields["type"] == "about:blank"
    assert fields["status"] == status
    assert fields["title"] == http.HTTPStatus(status).phrase
    return fields["detail"]


# --- verdicts ----------------------------------------------------------------


def test_a_copy_is_refused_and_the_answer_says_near_what(ask: Ask, block: Callable, draw: Callable) -> None:
    entry = block(draw(1))
    answer = ask(near_copy(draw(1)))
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    fields = answer.json
    assert fields.pop("milliseconds") > 0
    distances = fields.pop("distances")
    assert fields == {
        "verdict": "refuse",
        "entry": entry,
        "view": "whole",
        "asked": "whole",
        "agreement": None,
        "identical": False,
        "weak": False,
    }
    assert set(distances) == {"dhash", "phash"}
    assert 0 <= distances["dhash"] <= 10
    assert 0 <= distances["phash"] <= 40


def test_another_picture_may_be_published_and_nothing_is_said_of_entries(
    ask: Ask, block: Callable, draw: Callable
) -> None:
    block(draw(1))
    fields = ask(draw(2)).json
    assert fields.pop("milliseconds") > 0
    assert fields == {
        "verdict": "publish",
        "entry": None,
        "view": None,
        "asked": None,
        "distances": None,
        "agreement": None,
        "identical": False,
        "weak": False,
    }


def test_a_near_match_is_to_be_held(ask: Ask, parts: Parts, draw: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    views = number(Cut.CENTRE), number(Cut.WHOLE)
    near = Hit(7, *views, 12, 54, agreement=Agreement(0.75, 0.8, 40))
    monkeypatch.setattr(parts.blocklist, "near", lambda *_: [near])
    fields = ask(draw(1)).json
    assert (fields["verdict"], fields["entry"]) == ("hold", 7)
    assert (fields["view"], fields["asked"]) == ("centre", "whole")
    assert fields["distances"] == {"dhash": 12, "phash": 54}
    assert fields["agreement"] == {"share": 0.75, "correlation": 0.8}


def test_a_disguised_copy_is_found_in_the_views_that_are_named(ask: Ask, block: Callable, draw: Callable) -> None:
    entry = block(draw(1))
    image = Image.open(BytesIO(draw(1)))
    cut = image.width // 20
    fields = ask(save(image.crop((cut, cut, image.width - cut, image.height - cut)))).json
    assert (fields["verdict"], fields["entry"], fields["view"]) == ("refuse", entry, "centre")
    assert fields["agreement"]["correlation"] > 0.92


def test_a_picture_with_too_little_detail_is_refused_if_it_is_identical_only(ask: Ask, block: Callable) -> None:
    blank, paler = (save(Image.new("RGB", (300, 300), colour), "PNG") for colour in ("#888", "#999"))
    entry = block(blank)
    same, other = ask(blank).json, ask(paler).json
    assert (same["verdict"], same["entry"], same["identical"], same["weak"]) == ("refuse", entry, True, True)
    assert same["distances"] == {"dhash": 0, "phash": 0}
    assert (other["verdict"], other["identical"], other["weak"]) == ("publish", False, True)


def test_a_mark_counts_from_the_next_check_on(ask: Ask, parts: Parts, person: Callable, draw: Callable) -> None:
    assert ask(draw(1)).json["verdict"] == "publish"
    picture = uploads.receive(parts, person("mia"), draw(1))
    decision = review.mark(parts, picture.id, person("mona", Role.MODERATOR), None)
    assert ask(draw(1)).json["verdict"] == "refuse"
    review.undo(parts, decision.id, None)
    assert ask(draw(1)).json["verdict"] == "publish"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_each_kind_of_picture_is_taken_as_body_and_as_form(
    ask: Ask, as_form: Ask, block: Callable, draw: Callable, kind: str
) -> None:
    block(draw(1))
    picture = draw(1, kind=kind)
    assert ask(picture).json["verdict"] == "refuse"
    assert as_form(picture=[picture], note="whatever").json["verdict"] == "refuse"


@pytest.mark.parametrize("content_type", [None, "image/png", "application/x-www-form-urlencoded", "application/json"])
def test_the_body_is_the_picture_whatever_it_is_called(ask: Ask, draw: Callable, content_type: str | None) -> None:
    assert ask(draw(1), content_type=content_type).json["verdict"] == "publish"


def test_a_check_leaves_nothing_behind(ask: Ask, parts: Parts, block: Callable, draw: Callable) -> None:
    block(draw(1))

    def everything() -> dict[str, list]:
        db.session.rollback()
        return {name: db.session.execute(sa.select(table)).all() for name, table in db.metadata.tables.items()}

    before = everything()
    assert [ask(draw(seed)).json["verdict"] for seed in (1, 2)] == ["refuse", "publish"]
    assert everything() == before
    assert not [file for file in parts.store.root.rglob("*") if file.is_file()]


# --- who may ask -------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "challenge"),
    [
        (None, 'Bearer realm="moderation"'),
        ("Basic Y2hhdDpjaGF0", 'Bearer realm="moderation"'),
        ("Bearer", 'Bearer realm="moderation"'),
        ("Bearer mod_", 'Bearer realm="moderation", error="invalid_token"'),
        ("Bearer mod_guess", 'Bearer realm="moderation", error="invalid_token"'),
        ("Bearer mod_gu\xe9ss", 'Bearer realm="moderation", error="invalid_token"'),
        ("Bearer chat", 'Bearer realm="moderation", error="invalid_token"'),
    ],
)
def test_without_a_valid_token_nothing_is_said(
    app: Flask, token: str, draw: Callable, shown: str | None, challenge: str
) -> None:
    headers = {"Authorization": shown} if shown else {}
    answer = Browser(app).send("POST", CHECK, data=draw(1), headers=headers)
    assert problem_of(answer, 401) == "Please send a valid token, as Authorization: Bearer mod_..."
    assert answer.headers["WWW-Authenticate"] == challenge


def test_a_token_is_good_for_nothing_once_it_is_revoked(ask: Ask, draw: Callable) -> None:
    assert ask(draw(1)).status_code == 200
    with writing():
        tokens.revoke("chat")
    problem_of(ask(draw(1)), 401)


def test_a_cookie_counts_for_nothing_and_none_is_set(sign_in: Callable, token: str, draw: Callable) -> None:
    ada = sign_in("ada", Role.ADMIN)
    problem_of(ada.send("POST", CHECK, data=draw(1)), 401)
    answer = ada.send("POST", CHECK, data=draw(1), headers={"Authorization": f"Bearer {token}"})
    assert answer.json["verdict"] == "publish"
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")
    assert answer.headers["Cache-Control"] == "no-store"
    assert ada.get("/picture").status_code == 200  # who was signed in still is


# --- what is wrong -----------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "status", "sentence"),
    [
        (b"", 422, "The file is empty."),
        (b"<html><script>alert(1)</script>", 422, "This file is not a picture that we can read."),
        (b"\xff\xd8\xff\xe0" + bytes(200), 422, "This file is not a picture that we can read."),
        (bytes(10_000_001), 413, "The file is larger than 10 MB."),
        (bytes(12_000_000), 413, "The file is larger than 10 MB."),
    ],
)
def test_what_is_no_picture_gets_a_sentence_as_body_and_as_form(
    ask: Ask, as_form: Ask, data: bytes, status: int, sentence: str
) -> None:
    assert problem_of(ask(data), status).startswith(sentence)
    assert problem_of(as_form(picture=[data]), status).startswith(sentence)


def test_a_damaged_picture_too_many_pixels_and_formats_that_are_not_taken_get_a_sentence(
    ask: Ask, draw: Callable
) -> None:
    assert "damaged" in problem_of(ask(draw(1)[:3000]), 422)
    huge = save(Image.new("1", (8000, 5001)), "PNG")
    assert "more than 40 megapixels" in problem_of(ask(huge), 413)
    for kind in ("BMP", "TIFF", "PPM"):
        sentence = problem_of(ask(draw(1, kind=kind)), 422)
        assert sentence.endswith("We take JPEG, PNG, WebP, GIF, AVIF.")


def test_the_limits_are_those_of_the_site(app: Flask, ask: Ask, draw: Callable) -> None:
    from moderation.canonical import Limits
    from moderation.context import EXTENSION

    app.extensions[EXTENSION].decoder.limits = Limits(bytes=20_000, pixels=10_000)
    assert "larger than 0.02 MB" in problem_of(ask(bytes(20_001)), 413)
    assert "more than 0.01 megapixels" in problem_of(ask(draw(1, size=120)), 413)


def test_a_form_with_no_picture_or_two_is_told_so(ask: Ask, as_form: Ask, draw: Callable) -> None:
    assert "There is no picture in this form." in problem_of(as_form(), 400)
    assert "There is no picture in this form." in problem_of(as_form(image=[draw(1)]), 400)
    assert "There is no picture in this form." in problem_of(as_form(picture="not a file" * 60_000), 400)
    assert "There is no picture in this form." in problem_of(ask(content_type="multipart/form-data; boundary=b"), 400)
    assert "There are 2 pictures in this form." in problem_of(as_form(picture=[draw(1), draw(2)]), 400)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--b\r\n"),
        ("multipart/form-data; boundary=", b"--b\r\n"),
        ("multipart/form-data; boundary=b\xe9", b"--b\r\n"),
        ("multipart/form-data; boundary=b", b"garbage"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\n\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n'),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\n\xff\xd8 and then no more',
        ),
    ],
)
def test_a_form_that_is_cut_short_or_malformed_is_told_so(ask: Ask, kind: str, body: bytes) -> None:
    answer = ask(body, content_type=kind)
    assert problem_of(answer, 400) == "This multipart/form-data cannot be read: it is cut short or malformed."


def test_what_a_picture_is_wrapped_in_is_not_opened(ask: Ask, draw: Callable) -> None:
    assert "Content-Encoding" in problem_of(ask(draw(1), headers={"Content-Encoding": "gzip"}), 415)
    mixed = ask(b"--b\r\n", content_type="multipart/mixed; boundary=b")
    assert "multipart/form-data" in problem_of(mixed, 415)
    assert ask(draw(1), headers={"Content-Encoding": "identity"}).status_code == 200


def test_other_addresses_and_methods_are_problems_too(ask: Ask) -> None:
    assert problem_of(ask(path="/api/v2/check"), 404) == "There is nothing at this address."
    assert problem_of(ask(path="/api/"), 404) == "There is nothing at this address."
    for method in ("GET", "PUT", "DELETE"):
        answer = ask(method=method)
        assert problem_of(answer, 405) == "This address cannot be used in that way."
        assert set(answer.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


# --- when we fail ------------------------------------------------------------


@pytest.mark.parametrize("broken", ["moderation.web.api.judge", "moderation.decoder.fingerprint_bytes"])
def test_what_cannot_be_compared_is_never_said_to_be_fine(
    ask: Ask, draw: Callable, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    def fail(*_: object, **_more: object) -> None:
        raise RuntimeError("the secret reason")

    monkeypatch.setattr(broken, fail)
    detail = problem_of(ask(draw(1)), 503)
    assert detail == "The picture could not be compared. Please keep it back, and try again."
    assert "the secret reason" in caplog.text


def test_a_database_that_does_not_answer_and_a_defect_are_problems_without_secrets(
    ask: Ask, draw: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(error: Exception) -> None:
        raise error

    locked = sa.exc.OperationalError("SELECT secret", {}, Exception("database is locked"))
    monkeypatch.setattr(tokens, "is_valid", lambda _: fail(locked))
    assert "cannot reach its database" in problem_of(ask(draw(1)), 503)

    monkeypatch.setattr(tokens, "is_valid", lambda _: fail(ValueError("a secret")))
    answer = ask(draw(1))
    assert problem_of(answer, 500).startswith("Something went wrong on our side.")
    assert "secret" not in answer.text


# --- over the wire -----------------------------------------------------------


def test_the_real_server_answers_on_one_connection_with_tokens_from_the_command_line(
    instance, block: Callable, draw: Callable
) -> None:
    entry = block(draw(1))
    words = [sys.executable, "-m", "moderation", "tokens", "add", "chat", "--instance", str(instance)]
    token = subprocess.run(words, env=os.environ, capture_output=True, text=True, check=True).stdout.strip()
    good, bad = ({"Authorization": f"Bearer {one}"} for one in (token, "mod_guess"))
    with served(instance) as address:
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)

        def ask(body: object, headers: dict[str, str]) -> tuple[int, dict]:
            connection.request("POST", CHECK, body, headers)
            answer = connection.getresponse()
            assert "Set-Cookie" not in answer.headers
            return answer.status, json.loads(answer.read())

        status, fields = ask(near_copy(draw(1)), good)
        assert (status, fields["verdict"], fields["entry"]) == (200, "refuse", entry)
        assert ask(draw(2), good)[1]["verdict"] == "publish"
        # Whoever is still sending hears the answer all the same.
        assert ask(bytes(9_000_000), bad)[0] == 401
        assert ask(bytes(12_000_000), good)[0] == 413
        assert ask(iter([draw(1)[:2000], draw(1)[2000:]]), good)[1]["verdict"] == "refuse"  # in chunks
        assert ask(iter([bytes(1_000_000)] * 12), good)[0] == 413
        connection.close()
