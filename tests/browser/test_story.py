"""The whole story, in real browsers, against the real server with two workers."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from moderation.database import db, writing
from moderation.models import Counter, Role
from tests.conftest import near_copy


@pytest.fixture
def upload(tmp_path: Path) -> Callable[[Page, bytes], str]:
    """Uploads through the member's form and returns what the page then says."""

    def send(page: Page, picture: bytes, name: str = "holiday.jpg") -> str:
        file = tmp_path / name
        file.write_bytes(picture)
        page.goto("/picture")
        page.get_by_label("Picture file").set_input_files(file)
        expect(page.locator("#preview")).to_be_visible()
        with page.expect_navigation():
            page.get_by_role("button", name="Upload").click()
        return page.locator("main").inner_text()

    return send


def boxes(page: Page) -> list[tuple[str, float, float]]:
    """Each card on the grid and where it is on the screen."""
    return [
        (card.get_attribute("id"), card.bounding_box()["x"], card.bounding_box()["y"])
        for card in page.locator(".grid .card").all()
    ]


def test_a_member_uploads_a_moderator_marks_and_the_copy_is_refused_until_the_undo(
    window: Callable, upload: Callable, draw: Callable
) -> None:
    mona = window("mona", Role.MODERATOR)
    expect(mona.get_by_text("All done.")).to_be_visible()

    mia, max_ = window("mia"), window("max")
    assert "Your new profile picture is on show." in upload(mia, draw(1))

    card = mona.locator(".grid .card")
    expect(card).to_have_count(1, timeout=2000)  # an empty grid shows newcomers by itself
    assert "on show" in upload(max_, near_copy(draw(1)))
    expect(card.get_by_text("×2")).to_be_visible(timeout=2000)  # a copy joins the card that lies there

    card.get_by_role("button", name="Indecent").click()
    expect(mona.locator(".grid").get_by_text("Indecent: 1 other copy taken down.")).to_be_visible()

    mia.goto("/picture")
    expect(mia.get_by_text("Taken down automatically")).to_be_visible()
    copy = near_copy(draw(1), scale=0.55, quality=45)
    assert "This picture was refused" in upload(mia, copy, "again.jpg")

    mona.locator("#undo, .notice").get_by_role("button", name="Undo").click()
    expect(mona.locator(".grid .card.decided")).to_have_count(0)
    assert "Your new profile picture is on show." in upload(mia, copy, "again.jpg")


def test_newcomers_reach_every_open_grid_within_two_seconds_and_move_no_card(
    window: Callable, upload: Callable, draw: Callable
) -> None:
    mia = window("mia")
    for seed in range(3):
        upload(mia, draw(seed))
    grids = [
        window(name, Role.MODERATOR, viewport={"width": width, "height": 800})
        for name, width in (("mona", 360), ("ana", 700), ("eva", 1440))
    ]
    before = [boxes(grid) for grid in grids]
    assert all(len(places) == 3 for places in before)
    for grid in grids:
        expect(grid.get_by_text("Live", exact=True)).to_be_visible()

    max_ = window("max")
    upload(max_, draw(7))
    started = time.monotonic()
    for grid in grids:
        expect(grid.locator(".thumbs img")).to_have_count(1, timeout=2000)
    assert time.monotonic() - started < 2
    assert [boxes(grid) for grid in grids] == before

    grids[0].get_by_role("button", name="Show 1 new").click()
    expect(grids[0].locator(".grid .card")).to_have_count(4)
    expect(grids[0].locator(".grid .card").first).to_contain_text("max")
    assert boxes(grids[1]) == before[1]


def test_deciding_moves_no_card_and_a_double_click_does_not_take_it_back(
    window: Callable, upload: Callable, draw: Callable
) -> None:
    mia = window("mia")
    for seed in range(4):
        upload(mia, draw(seed))
    upload(window("max"), near_copy(draw(0)))
    mona = window("mona", Role.MODERATOR, viewport={"width": 400, "height": 1600})
    mona.goto("/review/?show=all")
    before = boxes(mona)
    for label, number in (("Indecent", 4), ("OK", 1)):
        button = mona.locator(".grid .card").nth(number).get_by_role("button", name=label).bounding_box()
        mona.mouse.click(button["x"] + 20, button["y"] + 20)
        expect(mona.locator(".grid .card").nth(number).get_by_role("button", name="Undo")).to_be_visible()
        mona.mouse.click(button["x"] + 20, button["y"] + 20)
        mona.wait_for_timeout(300)
        expect(mona.locator(".grid .card").nth(number).get_by_role("button", name="Undo")).to_be_visible()
    expect(mona.get_by_text("Taken down: a copy of what mona marked.")).to_be_visible()
    assert boxes(mona) == before


def test_what_another_moderator_decides_is_said_on_the_open_card(
    window: Callable, upload: Callable, draw: Callable
) -> None:
    upload(window("mia"), draw(1))
    mona, ana = window("mona", Role.MODERATOR), window("ana", Role.MODERATOR)
    ana.get_by_role("button", name="OK").click()
    expect(mona.get_by_text("OK by ana.")).to_be_visible(timeout=2000)


def test_the_slower_moderator_is_told_in_place(window: Callable, upload: Callable, draw: Callable) -> None:
    upload(window("mia"), draw(1))
    mona, ana = window("mona", Role.MODERATOR), window("ana", Role.MODERATOR)
    mona.evaluate("Object.defineProperty(document, 'hidden', {value: true})")  # her tab sleeps
    ana.get_by_role("button", name="Indecent").click()
    expect(ana.locator(".grid").get_by_text("Indecent: no other copies on show.")).to_be_visible()
    mona.get_by_role("button", name="OK").click()
    expect(mona.get_by_role("alert")).to_contain_text("Somebody was faster: ana marked this picture")


def test_all_of_it_works_without_scripts(window: Callable, upload: Callable, draw: Callable, tmp_path: Path) -> None:
    upload(window("max"), draw(1))
    mona = window("mona", Role.MODERATOR, java_script_enabled=False)
    mona.get_by_role("button", name="Indecent").click()
    expect(mona.get_by_text("Indecent: no other copies on show.")).to_be_visible()
    mona.locator("#undo, .notice").get_by_role("button", name="Undo").click()
    expect(mona.get_by_text("Taken back.")).to_be_visible()
    expect(mona.locator(".grid .card")).to_have_count(1)
    mona.get_by_role("button", name="OK").click()
    expect(mona.get_by_text("All done.")).to_be_visible()

    mia = window("mia", java_script_enabled=False)
    file = tmp_path / "plain.jpg"
    file.write_bytes(draw(2))
    mia.get_by_label("Picture file").set_input_files(file)
    mia.get_by_role("button", name="Upload").click()
    expect(mia.get_by_text("Your new profile picture is on show.")).to_be_visible()


def test_a_grid_that_is_open_during_a_restore_shows_what_is_there_now(
    window: Callable, arrive: Callable, draw: Callable
) -> None:
    arrive(draw(1))
    mona = window("mona", Role.MODERATOR)
    expect(mona.get_by_text("Live", exact=True)).to_be_visible()
    opened = mona.evaluate("performance.timeOrigin")
    with mona.expect_navigation(), writing():
        db.session.execute(sa.update(Counter).filter_by(name="pictures").values(epoch="another", version=1))
    expect(mona.get_by_text("Live", exact=True)).to_be_visible()
    assert mona.evaluate("performance.timeOrigin") > opened
    expect(mona.locator(".grid .card")).to_have_count(1)


def test_a_file_that_is_too_large_is_said_before_it_is_sent_and_by_the_server_too(
    window: Callable, tmp_path: Path
) -> None:
    file = tmp_path / "large.jpg"
    file.write_bytes(bytes(30_000_000))
    mia = window("mia")
    mia.get_by_label("Picture file").set_input_files(file)
    expect(mia.get_by_role("alert")).to_have_text("The file is larger than 10 MB. Please choose a smaller picture.")

    plain = window("max", java_script_enabled=False)
    plain.get_by_label("Picture file").set_input_files(file)
    plain.get_by_role("button", name="Upload").click()
    expect(plain.get_by_text("The file is larger than 10 MB.")).to_be_visible()
