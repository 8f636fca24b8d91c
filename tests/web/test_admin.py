"""The admins' pages: figures, entries, people."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask

from moderation import accounts, review, uploads
from moderation.database import db, writing
from moderation.models import Account, Decision, Entry, Picture, Role, Status
from moderation.parts import Parts
from moderation.web.admin import TABLES
from moderation.web.words import change, milliseconds, percent
from tests.conftest import near_copy, status
from tests.web.conftest import Browser


@pytest.fixture
def ada(sign_in: Callable) -> Browser:
    return sign_in("ada", Role.ADMIN)


@pytest.fixture
def mona(person: Callable) -> int:
    return person("mona", Role.MODERATOR)


def figures(page: str) -> dict[str, tuple[str, str]]:
    """The cards: label, figure and sentence."""
    change = r"(?:<dd class=\"change\"[^>]*>[^<]*</dd>)?"
    card = rf"<dt>(.*?)</dt><dd class=\"value\">(.*?)</dd>{change}<dd class=\"says\">(.*?)</dd>"
    cards = re.findall(card, page, re.DOTALL)
    return {words(label).removesuffix(" now"): (words(value), words(says)) for label, value, says in cards}


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", html)).split())


def table(page: str, kind: str) -> list[list[str]]:
    found = re.search(rf'<table class="stacked {kind}">.*?<tbody>(.*?)</tbody>', page, re.DOTALL)
    rows = re.findall(r"<tr.*?</tr>", found[1], re.DOTALL) if found else []
    return [[words(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)] for row in rows]


def test_a_new_site_says_what_to_do(ada: Browser) -> None:
    page = ada.get("/admin/?days=all").text
    assert figures(page)["Stopped at the door"][0] == "–"
    assert figures(page)["Uploads checked"][0] == "0"
    assert "Members upload theirs under" in page
    assert "The blocklist is empty. Mark a picture indecent" in page
    assert "<svg" not in page


def test_the_cards_explain_themselves(ada: Browser, parts: Parts, arrive: Callable, draw: Callable, mona: int) -> None:
    numbers = [arrive(draw(1)), arrive(near_copy(draw(1))), arrive(draw(2))]
    review.mark(parts, numbers[0], mona, None)
    for scale in (0.5, 0.6, 0.8, 0.9, 1.2, 1.5):
        arrive(near_copy(draw(1), scale=scale))
    page = ada.get("/admin/").text
    cards = figures(page)
    assert cards["Stopped at the door"] == (
        "75%",
        "Of 8 indecent pictures, 6 never came on show; 2 did before they were taken down.",
    )
    assert cards["Uploads checked"][0] == "9"
    assert cards["Refused at the door"][0] == "6"
    assert cards["Refused at the door"][1].startswith("67% of uploads.")
    assert cards["Marked by moderators"][0] == "1"
    assert cards["Taken down by sweeps"][0] == "1"
    assert cards["Near matches waiting"] == ("0", "Nothing waits for a moderator.")
    assert cards["Could not be compared"] == ("0", "Every upload could be compared.")
    assert cards["Check time"][0].endswith(" ms")
    assert cards["Blocklist entries"] == ("1", "In force.")
    assert '<dd class="change" title="Against the beginning of this time">none before</dd>' in page
    assert cards["Appeals decided"] == ("0", "0 upheld, 0 overturned.")
    assert page.count('<figure class="chart">') == 3


@pytest.mark.on_both
def test_figures_go_back_as_far_as_is_asked(ada: Browser) -> None:
    for days in ("7", "30", "90", "all"):
        page = ada.get(f"/admin/?days={days}")
        assert page.status_code == 200
        assert f'days={days}" aria-current="page"' in page.text
    assert 'days=30" aria-current="page"' in ada.get("/admin/").text
    assert ada.get("/admin/?days=5").status_code == 404


def test_entries_are_listed_and_can_be_withdrawn_and_restored(
    ada: Browser, parts: Parts, arrive: Callable, draw: Callable, mona: int
) -> None:
    number = arrive(draw(1))
    review.mark(parts, number, mona, None, "Nudity")
    arrive(near_copy(draw(1)))
    (row,) = table(ada.get("/admin/").text, "entries")
    assert row[:3] == ["1", f"Picture {number}", "Nudity"]
    assert row[3].startswith("mona")
    assert row[4:6] == ["1", "1"]
    assert row[7:] == ["in force", "Withdraw"]

    page = ada.post("/blocklist/1/withdraw", back="/admin/?days=7")
    assert page.request.full_path == "/admin/?days=7"
    assert "Entry 1 is withdrawn: it blocks no more." in page.text
    db.session.rollback()
    withdrawal = db.session.query(Decision).order_by(Decision.id.desc()).first()
    assert f'action="/review/decisions/{withdrawal.id}/undo"' in page.text
    assert withdrawal.by.name == "ada"
    assert table(page.text, "entries")[0][7:] == ["withdrawn", "Restore"]
    assert db.session.get_one(Entry, 1).withdrawn
    assert uploads.get(arrive(near_copy(draw(1), scale=0.9))).status is Status.PUBLISHED

    assert ada.post("/blocklist/1/withdraw").status_code == 409
    ada.post(f"/review/decisions/{withdrawal.id}/undo")
    assert table(ada.get("/admin/").text, "entries")[0][7:] == ["in force", "Withdraw"]


def test_an_entry_whose_mark_was_taken_back_cannot_be_restored(
    ada: Browser, parts: Parts, arrive: Callable, draw: Callable, mona: int
) -> None:
    review.undo(parts, review.mark(parts, arrive(draw(1)), mona, None).id, mona)
    assert table(ada.get("/admin/").text, "entries")[0][7:] == ["taken back", ""]


def test_there_is_no_such_entry(ada: Browser) -> None:
    answer = ada.post("/blocklist/9/withdraw")
    assert answer.status_code == 404
    assert "There is no blocklist entry 9." in answer.text


@pytest.mark.on_both
def test_people_are_listed_with_their_uploads(
    ada: Browser, parts: Parts, arrive: Callable, draw: Callable, mona: int
) -> None:
    review.mark(parts, arrive(draw(1)), mona, None)
    arrive(near_copy(draw(1)))
    rows = table(ada.get("/admin/people").text, "people")
    assert [row[0] for row in rows] == ["ada you", "member0", "member1", "mona"]
    assert [row[2:5] for row in rows] == [["0"] * 3, ["1", "0", "1"], ["1", "1", "0"], ["0"] * 3]
    assert [row[0] for row in table(ada.get("/admin/people?q=MEMBER").text, "people")] == ["member0", "member1"]
    assert "Nobody’s name has “&lt;b&gt;” in it." in ada.get("/admin/people?q=<b>").text


def test_more_people_than_fit_on_a_page(ada: Browser) -> None:
    with writing():
        db.session.add_all(
            Account(name=f"P{number:03}", key=f"p{number:03}", password="", role=Role.MEMBER, session="")
            for number in range(150)
        )
    first = ada.get("/admin/people").text
    assert len(table(first, "people")) == 100
    more = unescape(re.search(r'href="(/admin/people\?after=[^"]+)">More people', first)[1])
    second = ada.get(more).text
    rows = table(second, "people")
    assert (len(rows), rows[0][0], rows[-1][0]) == (51, "P099", "P149")
    assert "More people" not in second
    assert "From the beginning" in second


def test_an_admin_changes_what_others_may_do(ada: Browser, sign_in: Callable) -> None:
    max_ = sign_in("max")
    account = db.session.query(Account).filter_by(name="max").one().id
    assert max_.get("/review/").status_code == 403
    page = ada.post(f"/admin/people/{account}/role?q=ma", role="moderator")
    assert page.request.full_path == "/admin/people?q=ma"
    assert "max is now a moderator." in page.text
    assert max_.get("/review/").status_code == 200
    assert "max is now an admin." in ada.post(f"/admin/people/{account}/role", role="admin").text
    assert ada.post(f"/admin/people/{account}/role", role="emperor").status_code == 400
    assert ada.post("/admin/people/99/role", role="admin").status_code == 404


def test_the_last_admin_stays_one(ada: Browser, sign_in: Callable) -> None:
    own = db.session.query(Account).filter_by(name="ada").one().id
    answer = ada.post(f"/admin/people/{own}/role", role="member")
    assert answer.status_code == 422
    assert "ada is the only admin. Make somebody else an admin first." in answer.text

    sign_in("eve", Role.ADMIN)
    answer = ada.post(f"/admin/people/{own}/role", role="member")
    assert answer.status_code == 200
    assert answer.request.path == "/picture"
    assert "ada is now a member." in answer.text
    assert ada.get("/admin/").status_code == 403


def test_pages_keep_to_the_content_security_policy(
    ada: Browser, parts: Parts, arrive: Callable, draw: Callable, mona: int
) -> None:
    review.mark(parts, arrive(draw(1)), mona, None)
    arrive(near_copy(draw(1)))
    for path in ("/admin/", "/admin/people"):
        assert not re.search(r"\sstyle=|<style|<script(?! src=)|\son\w+=", ada.get(path).text)


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (None, "–"),
        (0, "0%"),
        (0.001, "<1%"),
        (0.005, "<1%"),
        (0.017, "2%"),
        (0.99, "99%"),
        (0.999, ">99%"),
        (1, "100%"),
    ],
)
def test_a_share_is_never_rounded_to_all_or_nothing(share: float | None, said: str) -> None:
    assert percent(share) == said


def test_milliseconds_have_a_decimal_while_there_are_few() -> None:
    assert [milliseconds(value) for value in (0.04, 2.345, 10.4, 1234)] == ["0.0 ms", "2.3 ms", "10 ms", "1,234 ms"]


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (5, None, ""),
        (0, 0, ""),
        (5, 0, "none before"),
        (100, 100, "as before"),
        (112, 100, "+12%"),
        (50, 100, "-50%"),
        (99, 10, "+890%"),
        (77, 1, "77 times as much"),
        (12_340, 10, "1,234 times as much"),
    ],
)
def test_a_change_is_told_in_a_way_that_can_be_read(now: float, before: float | None, said: str) -> None:
    assert change(now, before) == said


@pytest.mark.on_both
def test_every_chart_and_table_can_be_had_as_csv(
    ada: Browser, parts: Parts, arrive: Callable, draw: Callable, mona: int
) -> None:
    review.mark(parts, arrive(draw(1)), mona, None)
    arrive(near_copy(draw(1)))
    names = re.findall(r'href="/admin/statistics/(\w+).csv\?days=7"', ada.get("/admin/?days=7").text)
    assert sorted(names) == sorted(TABLES)
    files = {name: ada.get(f"/admin/statistics/{name}.csv?days=7") for name in names}
    assert {file.mimetype for file in files.values()} == {"text/csv"}
    assert files["uploads"].text.splitlines()[0] == "day,uploads,refused,removed"
    assert files["uploads"].text.splitlines()[-1].endswith(",2,1,1")
    assert files["views"].text.splitlines() == ["view,hits", "whole,1"]
    assert files["moderators"].text.splitlines()[1] == "mona,1,0,0,0"
    assert files["stopped"].text.splitlines()[-1].endswith(",1,1")
    figures = dict(line.split(",", 1) for line in files["figures"].text.splitlines())
    assert (figures["uploads"], figures["stopped_at_the_door"]) == ("2,0", "0.5,")
    assert (figures["near_matches_waiting_at_its_end"], figures["entries_in_force_at_its_end"]) == ("0,0", "1,0")
    assert ada.get("/admin/statistics/nothing.csv").status_code == 404


def test_what_if_says_what_other_thresholds_would_have_made_of_the_uploads(
    ada: Browser, parts: Parts, arrive: Callable, draw: Callable, mona: int
) -> None:
    review.mark(parts, arrive(draw(1)), mona, None)
    arrive(near_copy(draw(1)))
    assert "would have been refused" not in ada.get("/admin/").text
    said = ada.get("/admin/?dhash=0&phash=0").text
    assert "With 0 and 0 instead of 10 and 40" in said
    assert "of 2 would have been refused instead of 1" in said
    assert "With 12 and 256 instead" in ada.get("/admin/?dhash=99&phash=999").text


def test_everything_that_an_account_decided_since_a_time_is_taken_back_after_a_look(
    ada: Browser, parts: Parts, arrive: Callable, draw: Callable, mona: int
) -> None:
    number = arrive(draw(1))
    review.mark(parts, number, mona, None)
    path = f"/admin/people/{mona}/decisions"
    assert f'href="/admin/people/{mona}"' in ada.get("/admin/people").text
    assert f'href="{path}"' in ada.get(f"/admin/people/{mona}").text
    assert "1 decision</strong> about 1 picture." in ada.get(f"{path}?since=2020-01-01T00:00").text
    assert "nothing since then" in ada.get(f"{path}?since=2099-01-01T00:00").text
    assert "Please give a day and a time" in ada.get(f"{path}?since=yesterday").text
    assert status(number) is Status.REMOVED
    assert "Took back 1 decision of mona." in ada.post(path, since="2020-01-01T00:00").text
    assert status(number) is Status.PUBLISHED


def test_the_page_of_a_person_shows_what_was_uploaded_and_what_became_of_it(
    ada: Browser, parts: Parts, arrive: Callable, draw: Callable, mona: int
) -> None:
    number = arrive(draw(1))
    review.mark(parts, number, mona, None)
    member = db.session.get_one(Picture, number).member
    page = ada.get(f"/admin/people/{member.id}").text
    assert f"<h1>{member.name}</h1>" in page
    assert "1, of them 0 refused and 1 taken down" in page
    assert f'href="/review/pictures/{number}"' in page
    assert "Take back decisions" not in page


def test_a_deactivated_account_is_signed_out_at_once_and_cannot_sign_in(ada: Browser, sign_in: Callable) -> None:
    mia = sign_in("mia")
    number = accounts.named("mia").id
    assert "mia cannot sign in from now on." in ada.post(f"/admin/people/{number}/deactivate").text
    assert mia.get("/picture").status_code == 302
    assert "do not belong together" in mia.sign_in("mia").text
    assert ">deactivated<" in ada.get("/admin/people").text
    assert "mia can sign in from now on." in ada.post(f"/admin/people/{number}/deactivate", again="").text
    assert mia.sign_in("mia").status_code == 200
    assert mia.get("/picture").status_code == 200


def test_no_admin_can_lock_the_site_out(ada: Browser, sign_in: Callable, person: Callable) -> None:
    me = accounts.named("ada").id
    assert "Somebody else has to deactivate it." in ada.post(f"/admin/people/{me}/deactivate").text
    other = person("zoe", Role.ADMIN)
    assert ada.post(f"/admin/people/{other}/deactivate").status_code == 200
    # The one that is left cannot step down: a deactivated admin counts for none.
    assert "only admin" in ada.post(f"/admin/people/{me}/role", role="member").text


def test_an_admin_erases_a_member_after_typing_the_name(ada: Browser, parts: Parts, person: Callable, draw: Callable):
    ana = person("ana")
    picture_id = uploads.receive(parts, ana, draw(1)).id
    assert "Erase ana…" in ada.get(f"/admin/people/{ana}").text
    answer = ada.post(f"/admin/people/{ana}/erase", name="anna")
    assert (answer.status_code, "Please type the name ana" in answer.text) == (422, True)
    assert status(picture_id) is Status.PUBLISHED
    page = ada.post(f"/admin/people/{ana}/erase", name="ana").text
    assert "The account is erased" in page
    assert f"(erased {ana})" in page
    assert "Erase (" not in page
    assert status(picture_id) is Status.ERASED


def test_admins_do_not_erase_themselves(ada: Browser):
    me = db.session.query(Account).one().id
    assert ada.post(f"/admin/people/{me}/erase", name="ada").status_code == 422


def test_the_settings_are_shown_with_what_they_do_and_what_was_changed(app: Flask, ada: Browser) -> None:
    app.config["GRID_PAGE"] = 24
    page = ada.get("/admin/settings").text
    assert "Pictures on a page of the grid." in page
    assert re.search(r"<code>GRID_PAGE</code> <strong>24</strong>.*changed, usually 48", page)
    assert app.config["SECRET_KEY"] not in page
