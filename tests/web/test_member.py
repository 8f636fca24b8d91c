"""A member's page: uploading, and what is said of it."""

import dataclasses
import re
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO

import pytest
from flask import Flask
from PIL import Image
from werkzeug.datastructures import FileStorage

from moderation import review, uploads
from moderation.columns import now
from moderation.context import EXTENSION
from moderation.database import db, writing
from moderation.models import Check, Picture, Role, Status
from moderation.parts import Parts, Patience
from moderation.web import member
from moderation.web.session import FLASHES
from tests.conftest import near_copy, save
from tests.web.conftest import Browser


def pictures() -> list[Picture]:
    db.session.rollback()
    return db.session.query(Picture).order_by(Picture.id).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_each_kind_of_picture_is_taken(sign_in: Callable, draw: Callable, kind: str) -> None:
    mia = sign_in("mia")
    answer = mia.upload(draw(1, size=240, kind=kind))
    assert "Your new profile picture is on show." in answer.text
    shown = mia.get(f"/pictures/{pictures()[0].id}")
    assert shown.mimetype == "image/jpeg"
    assert Image.open(BytesIO(shown.data)).size[0] == 240


@pytest.mark.parametrize(
    ("data", "status", "sentence"),
    [
        (b"", 422, "The file is empty."),
        (b"<html><script>alert(1)</script>", 422, "This file is not a picture that we can read."),
        (b"\xff\xd8\xff\xe0" + bytes(200), 422, "This file is not a picture that we can read."),
        (b"GIF89a" + bytes(30), 422, "This file is not a picture that we can read."),
        (bytes(10_000_001), 413, "The file is larger than 10 MB."),
        (bytes(12_000_000), 413, "The file is larger than 10 MB."),
    ],
)
def test_what_is_no_picture_gets_a_sentence_and_leaves_nothing(
    app: Flask, parts: Parts, sign_in: Callable, data: bytes, status: int, sentence: str
) -> None:
    answer = sign_in("mia").upload(data)
    assert answer.status_code == status
    assert sentence in answer.text
    assert not pictures()
    assert not [file for file in parts.store.root.rglob("*") if file.is_file()]


def test_a_truncated_picture_and_too_many_pixels_are_refused_with_a_sentence(sign_in: Callable, draw: Callable) -> None:
    mia = sign_in("mia")
    assert "damaged" in mia.upload(draw(1)[:3000]).text
    answer = mia.upload(save(Image.new("1", (8000, 5001)), "PNG"))
    assert answer.status_code == 413
    assert "more than 40 megapixels" in answer.text
    assert not pictures()


def test_who_never_looks_at_a_page_gathers_few_sentences(sign_in: Callable, draw: Callable) -> None:
    mia = sign_in("mia")
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', mia.get("/picture").text)[1]
    picture = draw(1)
    for _ in range(FLASHES + 2):
        form = {"csrf_token": token, "picture": FileStorage(BytesIO(picture), "holiday.jpg")}
        assert mia.send("POST", "/picture", data=form).status_code == 302
    assert mia.get("/picture").text.count("Your new profile picture is on show.") == FLASHES
    assert "Your new profile picture is on show." not in mia.get("/picture").text


def test_a_form_without_a_file_says_so(sign_in: Callable) -> None:
    answer = sign_in("mia").post("/picture")
    assert answer.status_code == 422
    assert "Please choose a picture first." in answer.text


def test_the_answer_to_a_refused_copy_gives_no_hint(
    sign_in: Callable, person: Callable, parts: Parts, draw: Callable
) -> None:
    mona, first = person("mona", Role.MODERATOR), person("first")
    picture = uploads.receive(parts, first, draw(1))
    review.mark(parts, picture.id, mona, None)
    answer = sign_in("mia").upload(near_copy(draw(1)))
    assert "This picture was refused" in answer.text
    said = re.sub(r"<[^>]+>", " ", answer.text)
    for hint in ("distance", "bits", "dHash", "pHash", "blocklist", "entry", "match", "copy"):
        assert hint not in said


def test_a_refusal_says_what_happened_which_rule_its_reference_and_where_to_ask_for_another_look(
    app: Flask, sign_in: Callable, person: Callable, parts: Parts, draw: Callable
) -> None:
    review.mark(parts, uploads.receive(parts, person("first"), draw(1)).id, person("mona", Role.MODERATOR), None)
    answer = sign_in("mia").upload(near_copy(draw(1))).text
    assert (
        "<p>This picture was refused automatically: it is very like one that a moderator has found to break the rule "
        "against nudity and sexual content. Its reference is 2. "
        '<a href="/picture#upload-2">Ask for another look</a></p>'
    ) in answer
    assert '<li id="upload-2"' in answer
    app.config["APPEAL_DAYS"] = 0
    assert "Its reference is 3.</p>" in sign_in("max").upload(near_copy(draw(1), 0.6)).text


@pytest.fixture
def mia_and_hers(sign_in: Callable) -> tuple[Browser, Callable[..., list[int]]]:
    """Her browser, and `hers(*statuses)`, which gives her pictures that are so, the oldest first; their numbers."""
    mia = sign_in("mia")

    def hers(*statuses: Status) -> list[int]:
        with writing():
            made = [
                Picture(member_id=1, status=one, file="", thumbnail="", width=1, height=1, version=1)
                for one in statuses
            ]
            db.session.add_all(made)
            db.session.flush()
            return [one.id for one in made]

    return mia, hers


def listed(page: str) -> list[int]:
    """The numbers of the uploads that the page lists, in its order."""
    return [int(number) for number in re.findall(r'<li id="upload-(\d+)"', page)]


def test_what_is_down_or_was_appealed_stays_on_the_page_however_many_newer_uploads_there_are(
    mia_and_hers: tuple, sign_in: Callable
) -> None:
    mia, hers = mia_and_hers
    refused, removed, asked, _, purged = hers(
        Status.REFUSED, Status.REMOVED, Status.REFUSED, Status.REPLACED, Status.REMOVED
    )
    newer = hers(*[Status.REPLACED] * 6)[::-1]
    with writing():
        db.session.get_one(Picture, purged).purged = now()
    assert listed(mia.get("/picture").text) == [*newer, asked, removed, refused]
    mia.post(f"/picture/{asked}/appeal", text="It is my knee.")
    sign_in("ben", Role.MODERATOR).post("/review/appeals/1/uphold", reason="It is no knee.")
    mia.post(f"/picture/{refused}/appeal", text="It is my elbow.")
    with writing():
        for number in (asked, refused):
            db.session.get_one(Picture, number).purged = now()
    page = mia.get("/picture").text
    assert listed(page) == [*newer, asked, removed, refused]
    assert "“It is no knee.”" in page
    assert page.count("Ask for another look") == 1


def test_of_very_many_the_page_lists_24_and_leads_to_the_older_ones(mia_and_hers: tuple, sign_in: Callable) -> None:
    mia, hers = mia_and_hers
    numbers = hers(*[Status.REFUSED] * 30)[::-1]
    first = mia.get("/picture").text
    assert listed(first) == numbers[:24]
    assert f'href="/picture?before={numbers[23]}#uploads">Older uploads</a>' in first
    older = mia.get(f"/picture?before={numbers[23]}").text
    assert listed(older) == numbers[24:]
    assert "Older uploads" not in older
    assert 'href="/picture#uploads">Latest uploads</a>' in older
    assert listed(sign_in("eve").get("/picture").text) == []


def test_an_appeal_that_will_not_do_comes_back_in_its_field_with_the_reason_beside_it(mia_and_hers: tuple) -> None:
    mia, hers = mia_and_hers
    numbers = hers(*[Status.REFUSED] * 30)
    long = "It is my knee & nothing else. " * 20
    for number in (numbers[-1], numbers[0]):  # on the first page, and on none that was asked for
        answer = mia.post(f"/picture/{number}/appeal", text=long)
        assert answer.status_code == 422
        field = re.search(rf'<textarea id="appeal-{number}"([^>]*)>([^<]*)</textarea>\s*<p[^>]*>([^<]*)<', answer.text)
        assert "autofocus" in field[1]
        assert 'aria-invalid="true"' in field[1]
        assert field[2] == long.replace("&", "&amp;")
        assert field[3].startswith("Please say it in at most 500 characters")
        assert answer.text.count("It is my knee") == 20


def test_what_was_typed_for_a_picture_that_cannot_be_appealed_is_shown_beside_the_reason(mia_and_hers: tuple) -> None:
    mia, hers = mia_and_hers
    (number,) = hers(Status.PUBLISHED)
    answer = mia.post(f"/picture/{number}/appeal", text="Please do look.")
    assert answer.status_code == 409
    assert "This picture cannot be appealed" in answer.text
    assert "<blockquote>Please do look.</blockquote>" in answer.text


def test_a_held_picture_is_being_reviewed_and_the_old_one_stays(
    sign_in: Callable, parts: Parts, draw: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    mia = sign_in("mia")
    mia.upload(draw(1))
    monkeypatch.setattr(parts.blocklist, "near", lambda *_: 1 / 0)
    answer = mia.upload(draw(2))
    assert "Being reviewed." in answer.text
    assert [picture.status for picture in pictures()] == [Status.PUBLISHED, Status.HELD]
    assert f'src="/pictures/{pictures()[0].id}"' in answer.text
    assert db.session.query(Check).order_by(Check.id.desc()).first().failure == "ZeroDivisionError"


def test_a_picture_taken_down_is_said_on_the_members_page_with_the_reason(
    sign_in: Callable, person: Callable, parts: Parts, draw: Callable
) -> None:
    mia = sign_in("mia")
    mia.upload(draw(1))
    review.mark(parts, pictures()[0].id, person("mona", Role.MODERATOR), None)
    said = mia.get("/picture").text
    assert "Taken down." in said
    assert "nudity or sexual content" in said
    assert "Nothing on show yet" in said


def test_a_picture_that_a_former_version_took_down_is_told_and_appealed_like_any_other(
    sign_in: Callable, person: Callable, parts: Parts, draw: Callable
) -> None:
    mia = sign_in("mia")
    mia.upload(draw(1))
    review.mark(parts, 1, person("mona", Role.MODERATOR), None)
    with writing():
        db.session.get_one(Picture, 1).down = None  # it did not know the column
    answer = mia.get("/picture")
    assert answer.status_code == 200
    assert f"until {now() + timedelta(days=180):%d %B %Y}" in answer.text
    assert mia.get("/picture/1/statement.json").json["application_date"] == f"{now():%Y-%m-%d}"
    assert "It has not been decided yet." in mia.post("/picture/1/appeal", text="It is my knee.").text


def test_a_picture_that_is_not_on_show_is_served_to_nobody_but_moderators_and_its_owner(
    sign_in: Callable, parts: Parts, draw: Callable
) -> None:
    mia, max_, mona = sign_in("mia"), sign_in("max"), sign_in("mona", Role.MODERATOR)
    mia.upload(draw(1))
    number = pictures()[0].id
    paths = [f"/pictures/{number}", f"/pictures/{number}/thumbnail"]
    assert all(max_.get(path).status_code == 200 for path in paths)

    mona.post(f"/review/pictures/{number}/mark")
    for path in paths:
        assert max_.get(path).status_code == 404
        assert mia.get(path).status_code == 200
        assert mona.get(path).status_code == 200


def test_a_browser_asks_each_time_and_gets_the_picture_once(sign_in: Callable, draw: Callable) -> None:
    mia = sign_in("mia")
    mia.upload(draw(1))
    first = mia.get(f"/pictures/{pictures()[0].id}")
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = mia.get(f"/pictures/{pictures()[0].id}", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert not again.data


def test_all_about_a_refusal_is_said_with_its_reference_and_can_be_kept(
    sign_in: Callable, arrive: Callable, draw: Callable
) -> None:
    sign_in("mona", Role.MODERATOR).post(f"/review/pictures/{arrive(draw(1))}/mark")
    mia = sign_in("mia")
    mia.upload(near_copy(draw(1)))
    page = mia.get("/picture").text
    assert "<dt>Reference</dt><dd>picture-2</dd>" in page
    assert "You can ask once, until " in page
    kept = mia.get("/picture/2/statement.json").json
    assert kept["automated_decision"] == "AUTOMATED_DECISION_FULLY"
    assert kept["decision_ground"] == "DECISION_GROUND_INCOMPATIBLE_CONTENT"
    assert mia.get("/picture/1/statement.json").status_code == 404
    assert sign_in("eve").get("/picture/2/statement.json").status_code == 404


def test_a_copy_that_a_sweep_took_down_is_said_to_have_gone_automatically(
    sign_in: Callable, arrive: Callable, draw: Callable
) -> None:
    mia = sign_in("mia")
    mia.upload(draw(1))
    sign_in("mona", Role.MODERATOR).post(f"/review/pictures/{arrive(near_copy(draw(1)))}/mark")
    assert "<strong>Taken down</strong> automatically" in mia.get("/picture").text


def test_after_a_few_refusals_the_answer_is_always_that_it_is_reviewed_and_moderators_see_why(
    app: Flask, sign_in: Callable, person: Callable, parts: Parts, draw: Callable, arrive: Callable
) -> None:
    app.extensions[EXTENSION] = parts = dataclasses.replace(parts, patience=Patience(3, 10))
    review.mark(parts, arrive(draw(1)), person("ana", Role.MODERATOR), None)
    max_, mona = sign_in("max"), sign_in("mona", Role.MODERATOR)
    for scale in (0.5, 0.55, 0.6):
        assert "was refused" in max_.upload(near_copy(draw(1), scale)).text
    answers = [max_.upload(picture).text for picture in (near_copy(draw(1), 0.65), draw(2), draw(3))]
    for answer in answers:
        assert "A person will look at your picture before it is shown." in answer
        assert "several pictures" not in answer
    held = [picture for picture in pictures() if picture.status is Status.HELD]
    assert len(held) == 3
    queue = mona.get("/review/near").text
    assert queue.count("somebody may be trying what passes") == 3
    assert "It could not be compared" not in queue
    for picture, verdict in zip(held, ("refuse", "nothing near", "nothing near"), strict=True):
        case = mona.get(f"/review/cases/{picture.id}").text
        assert "Held because its member had several pictures refused or held within an hour" in case
        assert f"The verdict was: {verdict}." in case
    assert "trying what passes" in mona.get(f"/review/pictures/{held[0].id}").text


def test_an_answer_that_tells_nothing_tells_nothing_by_when_it_comes(
    app: Flask, parts: Parts, person: Callable, sign_in: Callable, draw: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(member.time, "sleep", waited.append)
    review.mark(parts, uploads.receive(parts, person("first"), draw(1)).id, person("mona", Role.MODERATOR), None)
    app.extensions[EXTENSION] = dataclasses.replace(parts, patience=Patience(1, 0))
    mia = sign_in("mia")
    mia.upload(draw(2))
    mia.upload(near_copy(draw(1)))
    assert not waited, "nobody waits whose answer tells something"
    for picture in (near_copy(draw(1), 0.6), draw(3)):
        mia.upload(picture)
    assert [one.status for one in pictures()[-2:]] == [Status.HELD] * 2
    assert len(waited) == 2
    assert all(0 < one <= member.EVEN_SECONDS for one in waited)
