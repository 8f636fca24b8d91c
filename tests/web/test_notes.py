"""What moderators note beside their decisions: for each other, kept whole, and for nobody else."""

import csv
import logging
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from moderation import purging
from moderation.database import db
from moderation.demo import near_miss
from moderation.models import Account, Decision, Picture, Record, Role, Status
from moderation.parts import Parts
from tests.conftest import near_copy, status
from tests.web.conftest import Browser

NOTE = "Third one of his.\nAsk <b>Ola</b> before you let the next one in, “please”."


@pytest.fixture
def ben(sign_in: Callable) -> Browser:
    return sign_in("ben", Role.MODERATOR)


@pytest.fixture
def mia(sign_in: Callable) -> Browser:
    return sign_in("mia")


def latest() -> int:
    db.session.rollback()
    return db.session.scalars(sa.select(Picture.id).order_by(Picture.id.desc()).limit(1)).one()


def notes() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(sa.select(Decision.note).order_by(Decision.id)))


def test_a_note_is_in_history_on_the_pictures_page_and_in_the_csv(
    ben: Browser, arrive: Callable, draw: Callable
) -> None:
    number, other = arrive(draw(1)), arrive(draw(2))
    ben.post(f"/review/pictures/{number}/mark", note=f"  {NOTE.replace(chr(10), chr(13) + chr(10))} ")
    ben.post(f"/review/pictures/{other}/approve", note="Only a knee.")
    shown = "Third one of his.\nAsk &lt;b&gt;Ola&lt;/b&gt; before you let the next one in, “please”.</span>"
    assert shown in ben.get("/review/history").text
    assert shown in ben.get(f"/review/pictures/{number}").text
    assert shown in ben.get(f"/review/cases/{number}").text
    assert shown in ben.get("/blocklist/1").text
    rows = csv.DictReader(ben.get("/review/history.csv").text.splitlines(keepends=True))
    assert [(row["kind"], row["note"]) for row in rows] == [("approve", "Only a knee."), ("mark", NOTE)]
    ben.post("/review/decisions/1/undo")
    assert shown in ben.get("/review/history").text


def test_a_member_never_reads_it_and_no_log_has_it(
    mia: Browser, ben: Browser, parts: Parts, person: Callable, draw: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    mia.upload(near_copy(draw(1)))  # fine, then marked, appealed, upheld
    first = latest()
    ben.post(f"/review/pictures/{first}/mark", note="SECRET of the mark", reason="No faces")
    mia.upload(near_miss(draw(1), parts.policy))  # held, then found fine
    held = latest()
    assert status(held) is Status.HELD
    ben.post(f"/review/pictures/{held}/approve", note="SECRET of the approval")
    mia.post(f"/picture/{first}/appeal", text="Please look again.")
    ola = Browser(ben.client.application)
    person("ola", Role.MODERATOR)
    ola.sign_in("ola")
    ola.post("/review/appeals/1/uphold", seen="1", note="SECRET of the appeal", reason="It is a face")
    assert notes() == ["SECRET of the mark", "SECRET of the approval", "SECRET of the appeal"]
    page = mia.get("/picture").text
    assert "no faces" in page
    assert "“It is a face”" in page
    pages = [page, *(mia.get(f"/picture/{one}/statement").text for one in (first, held)), mia.get("/account/").text]
    assert [one for one in pages if "SECRET" in one] == []
    assert "SECRET" not in caplog.text
    assert [row.about for row in db.session.scalars(sa.select(Record)) if "SECRET" in row.about] == []


def test_one_that_is_too_long_is_given_back_whole_with_everything_else_and_nothing_is_decided(
    ben: Browser, arrive: Callable, draw: Callable
) -> None:
    number, long = arrive(draw(1)), "very " * 120 + "long & <bad>"
    answer = ben.post(f"/review/pictures/{number}/mark", note=long, reason="A logo", seen="", back="/review/history")
    assert answer.status_code == 422
    assert "A note has at most 500 characters; this one has 612. Nothing has been decided yet." in answer.text
    assert "very " * 120 + "long &amp; &lt;bad&gt;</textarea>" in answer.text
    for kept in ('name="reason" value="A logo"', 'name="back" value="/review/history"', 'name="seen" value=""'):
        assert kept in answer.text
    assert status(number) is Status.PUBLISHED
    assert ben.post(f"/review/pictures/{number}/mark", json=True, note=long).json["error"].startswith("A note has at")
    ben.post(f"/review/pictures/{number}/mark", note="ä" * 500)
    assert notes() == ["ä" * 500]


def test_so_is_a_reason(ben: Browser, arrive: Callable, draw: Callable) -> None:
    number = arrive(draw(1))
    answer = ben.post(f"/review/pictures/{number}/escalate", reason="why " * 60, note="kept")
    assert "A reason has at most 200 characters; this one has 239." in answer.text
    assert ("why " * 60).strip() in answer.text
    assert status(number) is Status.PUBLISHED


def test_it_comes_through_the_question_before_a_large_sweep(
    ben: Browser, arrive: Callable, draw: Callable, parts: Parts
) -> None:
    number, copy = arrive(draw(1)), arrive(near_copy(draw(1)))
    ben.post(f"/review/pictures/{copy}/approve")
    asked = ben.post(f"/review/pictures/{number}/mark", note="Both of them")
    assert 'name="note" value="Both of them"' in asked.text
    ben.post(f"/review/pictures/{number}/mark", note="Both of them", listed=str(copy), take=str(copy))
    assert notes() == ["", "Both of them"]


def test_who_was_slower_gets_back_what_was_written(ben: Browser, arrive: Callable, draw: Callable) -> None:
    number = arrive(draw(1))
    ben.post(f"/review/pictures/{number}/approve")
    answer = ben.post(f"/review/pictures/{number}/mark", seen="", note="A long\r\nthought")
    assert answer.status_code == 409
    assert "Somebody was faster: ben approved this picture" in answer.text
    assert "A long\r\nthought</blockquote>" in answer.text


def test_it_stays_when_its_member_is_erased(
    mia: Browser, ben: Browser, app: Flask, parts: Parts, draw: Callable
) -> None:
    mia.upload(draw(1))
    ben.post(f"/review/pictures/{latest()}/mark", note="Not the first time")
    purging.erase(parts, db.session.scalars(sa.select(Account.id).filter_by(name="mia")).one())
    assert "Not the first time" in ben.get("/review/history").text
    assert "mia" not in ben.get("/review/history").text
