"""What waits for a person: near matches and appeals, claims, and the reverse image search."""

import re
from collections.abc import Callable
from io import BytesIO

import pytest
from werkzeug.datastructures import FileStorage

from moderation import review
from moderation.database import db, writing
from moderation.demo import near_miss
from moderation.models import Appeal, Picture, Role, Status
from moderation.parts import Parts
from moderation.uploads import receive
from tests.conftest import near_copy, status


@pytest.fixture
def ana(person: Callable[..., int]) -> int:
    return person("ana", Role.MODERATOR)


@pytest.fixture
def held(parts: Parts, arrive: Callable, draw: Callable, ana: int) -> int:
    """A picture that came near to what ana has marked."""
    review.mark(parts, arrive(draw(1)), ana, None)
    number = arrive(near_miss(draw(1), parts.policy))
    assert status(number) is Status.HELD
    return number


def test_a_near_match_is_shown_beside_its_entry_with_the_distance_in_words(held: int, sign_in: Callable) -> None:
    ben = sign_in("ben", Role.MODERATOR)
    queue = ben.get("/review/near").text
    assert f'href="/review/cases/{held}"' in queue
    assert re.search(
        r"(As a whole|Seen as [a-z ,]+), the outlines (almost )?agree \(dHash: \d+ of 64 bits differ\) and the details",
        queue,
    )
    case = ben.get("/review/near/next", follow_redirects=True).text
    assert "Blocklist entry 1" in case
    assert 'data-sharp="/blocklist/1/look"' in case
    assert "ana blocked it" in case
    assert 'Near matches <span class="count" data-count="held">1</span>' in case
    assert 'Appeals <span class="count" data-count="appeals" hidden>0</span>' in case


@pytest.mark.parametrize(("number", "said"), [(99, "99"), (100, "99+"), (140, "99+")])
def test_beyond_99_the_bar_does_not_pretend_to_count(number: int, said: str, ana: int, sign_in: Callable) -> None:
    with writing():
        for status_ in [Status.HELD, Status.REFUSED] * number:
            picture = Picture(member_id=ana, status=status_, file="", thumbnail="", width=1, height=1, version=1)
            db.session.add(Appeal(picture=picture, text="") if status_ is Status.REFUSED else picture)
    bar = sign_in("ben", Role.MODERATOR).get("/review/history").text
    assert f'Near matches <span class="count" data-count="held">{said}</span>' in bar
    assert f'Appeals <span class="count" data-count="appeals">{said}</span>' in bar


def test_times_are_told_as_how_long_ago_and_exactly_where_the_pointer_rests(held: int, sign_in: Callable) -> None:
    ben = sign_in("ben", Role.MODERATOR)
    for page in (f"/review/cases/{held}", f"/review/pictures/{held}", "/blocklist/1"):
        told = r'(Uploaded|Added)[^.]{0,40}?<time datetime="[^"]+" title="\w+day, \d\d \w+ \d{4}, [\d:]{8} UTC">'
        assert re.search(f"{told}just now</time>", ben.get(page).text), page


def test_not_a_match_is_remembered_for_that_pair(
    held: int, sign_in: Callable, parts: Parts, draw: Callable, ana: int
) -> None:
    ben = sign_in("ben", Role.MODERATOR)
    answer = ben.post(f"/review/pictures/{held}/approve", back="/review/near/next", claimed="")
    assert "Nothing is held." in answer.text
    assert status(held) is Status.PUBLISHED
    decision = db.session.get_one(Picture, held).decision
    again = review.mark(parts, held, ana, decision.id)
    review.undo(parts, again.id, ana)  # put back, and compared once more
    assert status(held) is Status.PUBLISHED


def test_opening_a_case_claims_it_and_taking_over_is_allowed(held: int, sign_in: Callable) -> None:
    ben, eve = sign_in("ben", Role.MODERATOR), sign_in("eve", Role.MODERATOR)
    assert "Not a match" in ben.get(f"/review/cases/{held}").text
    seen_by_eve = eve.get(f"/review/cases/{held}").text
    assert "ben is looking at this picture." in seen_by_eve
    assert ">Not a match<" not in seen_by_eve
    assert "ben is looking" in eve.get("/review/near").text
    assert eve.get("/review/near/next").location == "/review/near"
    assert ">Not a match<" in eve.post(f"/review/cases/{held}/claim", take_over="").text
    assert ben.post(f"/review/cases/{held}/claim", json=True).json == {"mine": False, "by": "eve"}


def test_a_member_asks_once_and_hears_the_outcome(
    parts: Parts, held: int, sign_in: Callable, draw: Callable, person: Callable
) -> None:
    mia = sign_in("mia")
    page = mia.upload(near_copy(draw(1))).text
    assert "Refused</strong> automatically" in page
    number = db.session.query(Picture).order_by(Picture.id.desc()).first().id
    assert f"reference {number}" in page
    assert "Please say in a few words" in mia.post(f"/picture/{number}/appeal", text=" ").text
    asked = mia.post(f"/picture/{number}/appeal", text="It is my knee.").text
    assert "It has not been decided yet." in asked
    assert "Ask for another look" not in asked
    assert "already" in mia.post(f"/picture/{number}/appeal", text="Please!").text
    ben = sign_in("ben", Role.MODERATOR)
    case = ben.get("/review/appeals/next", follow_redirects=True).text
    assert "It is my knee." in case
    assert "Entry" not in page
    assert "Appeal overturned: 1 picture is back." in ben.post("/review/appeals/1/overturn").text
    assert "You were right" in mia.get("/picture").text
    assert status(number) is Status.PUBLISHED


def test_an_upheld_appeal_tells_the_member_what_the_moderator_wrote(
    held: int, sign_in: Callable, draw: Callable
) -> None:
    mia, ben = sign_in("mia"), sign_in("ben", Role.MODERATOR)
    mia.upload(near_copy(draw(1)))
    number = db.session.query(Picture).order_by(Picture.id.desc()).first().id
    mia.post(f"/picture/{number}/appeal", text="Please look again.")
    ben.post("/review/appeals/1/uphold", reason="It shows more than a knee.")
    assert "it stays down. “It shows more than a knee.”" in mia.get("/picture").text


def test_an_appeal_is_shown_beside_what_keeps_the_picture_down_now(
    parts: Parts, sign_in: Callable, draw: Callable, ana: int
) -> None:
    mia, ben = sign_in("mia"), sign_in("ben", Role.MODERATOR)
    mia.upload(draw(1))
    review.mark(parts, 1, ana, None)
    mia.post("/picture/1/appeal", text="It is my knee.")
    assert "Blocklist entry 1" in ben.get("/review/appeals/next", follow_redirects=True).text
    review.undo(parts, 1, ana)
    ben.post("/review/pictures/1/mark")
    case = ben.get("/review/cases/1").text
    assert "Blocklist entry 2" in case
    assert "You brought this picture down yourself. Somebody else decides." in case
    assert ben.get("/review/appeals/next").location == "/review/appeals"


def test_who_decides_on_an_appeal_on_a_page_that_is_out_of_date_is_told_and_led_to_how_it_is_now(
    parts: Parts, sign_in: Callable, draw: Callable, ana: int
) -> None:
    mia, ben, eve = sign_in("mia"), sign_in("ben", Role.MODERATOR), sign_in("eve", Role.MODERATOR)
    mia.upload(draw(1))
    review.mark(parts, 1, ana, None)
    mia.post("/picture/1/appeal", text="It is my knee.")

    def fields() -> dict[str, str]:
        form = re.search(r'<form class="stack decision".*?</form>', eve.get("/review/cases/1").text, re.S)
        assert form
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form[0]))
        return {name: value for name, value in hidden.items() if name != "csrf_token"}

    before = fields()
    assert (before["seen"], before["entry"]) == ("1", "1")
    review.undo(parts, 1, ana)
    ben.post("/review/pictures/1/mark")
    eve.client.environ_base["HTTP_REFERER"] = "http://localhost/review/cases/1"
    for button in ("uphold", "overturn"):
        answer = eve.post(f"/review/appeals/1/{button}", note="A knee, I think.", **before)
        assert answer.status_code == 409
        assert "Somebody was faster: ben marked this picture" in answer.text
        assert "<blockquote>A knee, I think.</blockquote>" in answer.text
        assert 'href="/review/cases/1">Go back to the page</a>' in answer.text
        assert status(1) is Status.REMOVED
    now = fields()
    assert now["entry"] == "2"
    eve.post("/review/appeals/1/overturn", **now)
    assert status(1) is Status.PUBLISHED


def test_another_members_picture_cannot_be_appealed(held: int, sign_in: Callable, draw: Callable) -> None:
    mia = sign_in("mia")
    mia.upload(near_copy(draw(1)))
    answer = sign_in("eve").post("/picture/3/appeal", text="Mine.")
    assert "There is no such picture of yours." in answer.text


def test_a_search_by_picture_or_by_file_finds_the_same_photograph_on_other_accounts(
    parts: Parts, sign_in: Callable, arrive: Callable, draw: Callable
) -> None:
    first, copy, _ = arrive(draw(1)), arrive(near_copy(draw(1))), arrive(draw(2))
    ben = sign_in("ben", Role.MODERATOR)
    by_picture = ben.get(f"/review/search?picture={first}").text
    assert "1 other account has uploaded the same photograph: a sign of fake profiles." in by_picture
    assert f'href="/review/pictures/{copy}"' in by_picture
    file = FileStorage(BytesIO(near_copy(draw(1), scale=0.5)), "a.jpg")
    by_file = ben.post("/review/search", file=file).text
    assert "2 accounts have uploaded the same photograph: a sign" in by_file
    bad = ben.post("/review/search", file=FileStorage(BytesIO(b"no"), "a.jpg"))
    assert bad.status_code == 422
    assert db.session.query(Picture).count() == 3


def test_a_search_finds_what_was_refused_or_taken_down_too_and_nothing_that_is_escalated(
    parts: Parts, sign_in: Callable, arrive: Callable, draw: Callable, ana: int
) -> None:
    marked = arrive(draw(1))
    ben = sign_in("ben", Role.MODERATOR)
    search = f"/review/search?picture={arrive(draw(2))}"
    assert "No other picture looks like it." in ben.get(search).text  # the copies of the lists are read
    decision = review.mark(parts, marked, ana, None)
    refused = arrive(near_copy(draw(1)))

    def found() -> list[tuple[int, str]]:
        file = FileStorage(BytesIO(near_copy(draw(1), scale=0.5)), "a.jpg")
        page = ben.post("/review/search", file=file).text.partition('<ul class="thumbnails">')[2]
        items = page.partition("</ul>")[0].split("<li>")[1:]
        chips = [re.findall(r'class="chip">([^<]+)<', item) for item in items]
        numbers = [int(re.search(r"/review/pictures/(\d+)", item)[1]) for item in items]
        return sorted(zip(numbers, (chip[0] if chip else "" for chip in chips), strict=True))

    assert found() == [(marked, "taken down"), (refused, "refused")]
    review.undo(parts, decision.id, ana)
    assert found() == [(marked, ""), (refused, "refused")]
    ben.post(f"/review/pictures/{marked}/escalate")
    assert found() == []


def test_an_own_second_copy_is_no_other_account(
    parts: Parts, sign_in: Callable, draw: Callable, person: Callable
) -> None:
    mia = person("mia")
    first = receive(parts, mia, draw(1)).id
    receive(parts, mia, near_copy(draw(1)))
    assert "other account" not in sign_in("ben", Role.MODERATOR).get(f"/review/search?picture={first}").text
