"""The blocklist's pages: what each entry is, what it has stopped, and how it is taken back."""

import re
from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image

from moderation import review
from moderation.canonical import canonical
from moderation.demo import near_miss
from moderation.fingerprint import fingerprint
from moderation.models import Role, Status
from moderation.parts import Parts
from tests.conftest import near_copy, status
from tests.web.conftest import Browser


@pytest.fixture
def mona(sign_in: Callable) -> Browser:
    return sign_in("mona", Role.MODERATOR)


@pytest.fixture
def block(parts: Parts) -> Callable[..., int]:
    """Imports those pictures, and returns the number of the decision."""

    def import_(*pictures: bytes) -> int:
        prints = [(f"{place}.jpg", fingerprint(canonical(data))) for place, data in enumerate(pictures)]
        decision, _ = review.import_entries(parts, prints, None, "Nudity")
        return decision.id

    return import_


def rows(page: str) -> list[str]:
    """The text of each entry's row, as a person reads it."""
    body = re.findall(r"<tr[^>]*>(.*?)</tr>", page.partition("<tbody>")[2], re.S)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in body]


def test_an_entry_is_listed_with_its_hits_of_the_last_thirty_days(
    mona: Browser, block: Callable, arrive: Callable, draw: Callable
) -> None:
    block(draw(1), draw(2))
    hit = arrive(near_copy(draw(1)))
    first, second = rows(mona.get("/blocklist/").text)
    assert first.startswith("Entry 2 Nudity the command line, imported")
    assert re.search(r" 0 0 never 0 0 Withdraw$", first)
    assert re.search(r" 1 1 just now 0 0 Withdraw$", second)
    page = mona.get("/blocklist/1").text
    assert "1 picture of 1 member in 30 days" in page
    assert f"/review/pictures/{hit}" in page


def test_the_filters_show_what_they_say(mona: Browser, block: Callable, arrive: Callable, draw: Callable) -> None:
    block(draw(1), draw(2))
    mona.post(f"/review/pictures/{arrive(draw(3))}/mark")
    arrive(near_copy(draw(1)))
    mona.post("/blocklist/2/withdraw")
    shown = {
        show: [row.split()[1] for row in rows(mona.get(f"/blocklist/?show={show}").text)]
        for show in ("blocking", "never hit", "imported", "withdrawn")
    }
    assert shown == {"blocking": ["3", "1"], "never hit": ["3"], "imported": ["1"], "withdrawn": ["2"]}
    assert mona.get("/blocklist/?show=nonsense").status_code == 404


def test_an_entry_that_keeps_coming_near_to_what_is_fine_is_noisy_and_says_so(
    mona: Browser, block: Callable, arrive: Callable, draw: Callable, sign_in: Callable, parts: Parts
) -> None:
    block(draw(1))
    for number in range(2):
        held = arrive(near_miss(draw(1), parts.policy, step=2 + number))
        assert status(held) is Status.HELD
        mona.post(f"/review/pictures/{held}/approve")
    assert "No entry is noisy" in mona.get("/blocklist/?show=noisy").text
    max_ = sign_in("max")
    max_.upload(near_copy(draw(1)))
    max_.post("/picture/3/appeal", text="It is fine.")
    mona.post("/review/appeals/1/overturn")
    (row,) = rows(mona.get("/blocklist/?show=noisy").text)
    assert re.search(r" 3 3 just now 2 1 Withdraw$", row)
    assert "2 pictures were no match, 1 refusal was overturned" in mona.get("/blocklist/1").text


def test_an_entry_that_appeals_have_suspended_is_flagged(
    app, mona: Browser, block: Callable, draw: Callable, sign_in: Callable
) -> None:
    app.config["SUSPEND_OVERTURNS"] = 1
    block(draw(1))
    max_ = sign_in("max")
    max_.upload(near_copy(draw(1)))
    max_.post("/picture/1/appeal", text="It is fine.")
    mona.post("/review/appeals/1/overturn")
    for show in ("noisy", "withdrawn"):
        (row,) = rows(mona.get(f"/blocklist/?show={show}").text)
        assert row.endswith(" 0 1 suspended Restore")
    assert "Suspended: appeals have shown it wrong too often" in mona.get("/blocklist/1").text
    assert "Appeal overturned: 1 picture is back, entry 1 blocks no more." in mona.get("/review/history").text
    assert "Entry 1 blocks again." in mona.post("/blocklist/1/restore").text
    assert "Appeal overturned: 1 picture is back, entry 1 blocks again." in mona.get("/review/history").text
    assert "You were right" in max_.get("/picture").text


def test_an_import_is_taken_back_from_its_row(mona: Browser, block: Callable, draw: Callable) -> None:
    decision = block(draw(1), draw(2))
    page = mona.get("/blocklist/?show=imported").text
    assert page.count(f"Undo import {decision}") == 2
    assert f'action="/review/decisions/{decision}/undo"' in page
    mona.post(f"/review/decisions/{decision}/undo")
    assert rows(mona.get("/blocklist/").text) == []


def test_a_long_list_has_pages(app, mona: Browser, block: Callable, draw: Callable) -> None:
    app.config["GRID_PAGE"] = 2
    block(*map(draw, range(3)))
    page = mona.get("/blocklist/").text
    assert [row.split()[1] for row in rows(page)] == ["3", "2"]
    older = re.search(r'href="([^"]+)">Older entries', page)[1].replace("&amp;", "&")
    assert [row.split()[1] for row in rows(mona.get(older).text)] == ["1"]


def test_a_withdrawn_entry_lets_copies_in_and_a_restored_one_takes_them_down_again(
    mona: Browser, block: Callable, arrive: Callable, draw: Callable
) -> None:
    block(draw(1))
    page = mona.post("/blocklist/1/withdraw", back="/blocklist/")
    assert page.request.path == "/blocklist/"
    assert "Entry 1 is withdrawn: it blocks no more." in page.text
    number = arrive(near_copy(draw(1)))
    assert status(number) is Status.PUBLISHED

    page = mona.post("/blocklist/1/restore")
    assert page.request.path == "/blocklist/1"
    assert "Entry 1 blocks again. 1 on show was taken down." in page.text
    assert status(number) is Status.REMOVED
    assert mona.post("/blocklist/1/restore").status_code == 409

    mona.post("/blocklist/1/withdraw")
    assert "taken down" not in mona.post("/blocklist/1/restore").text  # nothing more, that is


def test_what_was_taken_back_with_its_mark_is_not_restored(mona: Browser, arrive: Callable, draw: Callable) -> None:
    number = arrive(draw(1))
    mona.post(f"/review/pictures/{number}/mark")
    mona.post("/review/decisions/1/undo")
    assert "Mark the picture again." in mona.post("/blocklist/1/restore").text
    assert "taken back" in rows(mona.get("/blocklist/?show=withdrawn").text)[0]
    assert status(number) is Status.PUBLISHED


def test_an_import_is_taken_back_whole_from_any_of_its_entries(
    mona: Browser, block: Callable, arrive: Callable, draw: Callable
) -> None:
    number = arrive(near_copy(draw(2)))
    decision = block(draw(1), draw(2), draw(3))
    assert status(number) is Status.REMOVED
    page = mona.get("/blocklist/1").text
    assert "Imported with 2 others" in page
    assert f'action="/review/decisions/{decision}/undo"' in page
    assert mona.post(f"/review/decisions/{decision}/undo", back="/blocklist/").request.path == "/blocklist/"
    assert status(number) is Status.PUBLISHED
    assert rows(mona.get("/blocklist/").text) == []


def test_an_entry_has_a_picture_even_when_no_file_is_left(mona: Browser, block: Callable, draw: Callable) -> None:
    block(draw(1))
    answer = mona.get("/blocklist/1/look")
    with Image.open(BytesIO(answer.data)) as look, Image.open(BytesIO(draw(1))) as blocked:
        assert max(look.size) == 256
        assert look.width / look.height == pytest.approx(blocked.width / blocked.height, rel=0.02)
    again = mona.get("/blocklist/1/look", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert mona.get("/blocklist/2/look").status_code == 404


def test_a_page_elsewhere_is_never_gone_back_to(mona: Browser, block: Callable, draw: Callable) -> None:
    block(draw(1))
    for number, back in enumerate(("https://elsewhere.example/blocklist/", "/blocklist/\r\nX: y")):
        answer = mona.post(f"/blocklist/1/{('withdraw', 'restore')[number]}", follow=False, back=back)
        assert answer.location == "/blocklist/1"


def test_a_near_picture_is_shown_beside_what_it_came_near_to(
    mona: Browser, block: Callable, arrive: Callable, draw: Callable
) -> None:
    block(draw(1))
    page = mona.get(f"/review/pictures/{arrive(near_copy(draw(1)))}").text
    assert 'href="/blocklist/1"' in page
    assert 'src="/blocklist/1/look?level=3"' in page
