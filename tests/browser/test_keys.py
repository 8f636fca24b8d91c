"""The grid by keyboard alone: the same buttons, faster."""

import threading
import time
from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page, Route, expect

from moderation import pictures
from moderation.database import db
from moderation.models import Kind, Picture, Role, Status
from tests.browser.conftest import intercept, signed_in
from tests.conftest import near_copy, status

UNDECIDED = ".grid .card:not(.decided)"


@pytest.fixture
def mona(window: Callable) -> Page:
    return window("mona", Role.MODERATOR, viewport={"width": 1280, "height": 900})


def focused(page: Page) -> int:
    """The number of the picture whose card has the focus."""
    return int(page.evaluate("document.activeElement.closest('.card')?.dataset.picture ?? 0"))


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def decide_two(page: Page, arrive: Callable, draw: Callable) -> tuple[int, int]:
    """Marks one picture and approves another, both to the end; the numbers of the second and of the first of them."""
    second, first = arrive(draw(1)), arrive(draw(2))
    page.reload()
    press(page, "j", "x", "o")
    expect(page.locator(UNDECIDED)).to_have_count(0)
    return second, first


def decided(picture_id: int) -> Kind | None:
    db.session.rollback()
    decision = db.session.get_one(Picture, picture_id).decision
    return decision.kind if decision else None


def test_sixty_decisions_by_keyboard_hit_the_right_cards_while_thirty_uploads_arrive(
    mona: Page, arrive: Callable, draw: Callable, app: Flask
) -> None:
    there = [arrive(draw(seed)) for seed in range(44)]
    mona.reload()

    def uploads() -> None:
        with app.app_context():
            for seed in range(44, 74):
                arrive(draw(seed))
            db.session.remove()

    others = threading.Thread(target=uploads)
    others.start()
    meant: dict[int, Kind] = {}
    began = time.monotonic()
    press(mona, "j")
    for turn in range(60):
        if turn == 44:  # all that was there is decided; what has arrived meanwhile is shown
            others.join()
            expect(mona.locator("#show-new")).to_have_text("Show 30 new")
            press(mona, "n")
        here = focused(mona)
        assert here
        assert here not in meant
        key, kind = ("x", Kind.MARK) if turn % 5 == 0 else ("o", Kind.APPROVE)
        meant[here] = kind
        press(mona, key)
    assert time.monotonic() - began < 60
    expect(mona.locator(UNDECIDED)).to_have_count(14)
    assert {picture_id: decided(picture_id) for picture_id in meant} == meant
    assert set(there) <= set(meant)


def test_arrows_move_in_two_dimensions_and_enter_opens(mona: Page, arrive: Callable, draw: Callable) -> None:
    numbers = [arrive(draw(seed)) for seed in range(16)][::-1]
    mona.reload()
    columns = mona.evaluate("getComputedStyle(document.getElementById('grid')).gridTemplateColumns.split(' ').length")
    assert 3 < columns < 8
    press(mona, "ArrowRight", "ArrowRight")
    assert focused(mona) == numbers[1]
    press(mona, "ArrowDown")
    assert focused(mona) == numbers[1 + columns]
    press(mona, "ArrowUp", "ArrowLeft")
    assert focused(mona) == numbers[0]
    press(mona, "Enter")
    mona.wait_for_url(f"**/review/pictures/{numbers[0]}")


def test_undo_goes_back_one_decision_at_a_time_and_puts_the_focus_there(
    mona: Page, arrive: Callable, draw: Callable
) -> None:
    second, first = decide_two(mona, arrive, draw)
    expect(mona.locator("#undo")).to_contain_text("OK.")
    press(mona, "u")
    expect(mona.locator(UNDECIDED)).to_have_count(1)
    assert focused(mona) == second
    press(mona, "u")
    expect(mona.locator(UNDECIDED)).to_have_count(2)
    assert focused(mona) == first
    assert status(first) is Status.PUBLISHED


def test_two_undos_at_once_go_one_after_the_other_however_long_the_answers_take(
    mona: Page, arrive: Callable, draw: Callable
) -> None:
    _, first = decide_two(mona, arrive, draw)
    on_their_way: list[Route] = []
    intercept(mona, "**/undo", lambda route: on_their_way.append(route))
    press(mona, "u", "u")
    for _ in range(2):
        for _ in range(100):
            mona.wait_for_timeout(100)
            if on_their_way:
                break
        on_their_way.pop().continue_()  # the newest: of two that are out at once, the later click's
    expect(mona.locator(UNDECIDED)).to_have_count(2)
    assert focused(mona) == first


def test_what_cannot_be_sent_is_said_in_words_and_can_be_tried_again(
    mona: Page, arrive: Callable, draw: Callable
) -> None:
    numbers = [arrive(draw(seed)) for seed in range(3)]
    mona.reload()
    unknown = "No connection: it is not known whether that was done. Please try again."
    intercept(mona, "**/mark")
    intercept(mona, "**/approve")
    intercept(mona, "**/undo")
    for keys in (("j", "x"), ("A",)):
        press(mona, *keys)
        expect(mona.get_by_role("alert")).to_have_text(unknown)
        mona.evaluate("toast.hidden = true")
    expect(mona.locator(UNDECIDED)).to_have_count(3)
    assert focused(mona) == numbers[2]

    for path in ("**/mark", "**/approve"):
        mona.unroute(path)
    press(mona, "x")
    expect(mona.locator(UNDECIDED)).to_have_count(2)
    press(mona, "A")
    expect(mona.locator(UNDECIDED)).to_have_count(0)
    failed: list[object] = []
    mona.on("requestfailed", lambda request: failed.append(request))
    with mona.expect_event("requestfailed", lambda _: len(failed) == 2):  # else the second may be sent after all
        press(mona, "u", "u")
    expect(mona.get_by_role("alert")).to_have_text(unknown)
    mona.unroute("**/undo")
    press(mona, "u")
    expect(mona.locator(UNDECIDED)).to_have_count(2)
    press(mona, "u")
    expect(mona.locator(UNDECIDED)).to_have_count(3)


def test_a_grid_without_a_connection_says_so_until_it_is_back(mona: Page) -> None:
    expect(mona.get_by_text("Live", exact=True)).to_be_visible()
    intercept(mona, "**/changes*")
    expect(mona.get_by_text("No connection, trying again")).to_be_visible()
    mona.unroute("**/changes*")
    expect(mona.get_by_text("Live", exact=True)).to_be_visible()


def test_undo_of_a_sweep_brings_all_of_it_back(mona: Page, arrive: Callable, draw: Callable) -> None:
    copies = [arrive(near_copy(draw(1), scale=1 - place / 20)) for place in range(5)]
    mona.goto("/review/?show=all")
    press(mona, "j", "x")
    expect(mona.locator("#undo")).to_contain_text("Indecent: 4 other copies taken down.")
    assert {status(number) for number in copies} == {Status.REMOVED}
    press(mona, "u")
    expect(mona.locator(UNDECIDED)).to_have_count(5)
    assert {status(number) for number in copies} == {Status.PUBLISHED}


def test_the_rest_is_fine_approves_what_was_on_the_screen_in_one_decision(
    mona: Page, arrive: Callable, draw: Callable
) -> None:
    numbers = [arrive(draw(seed)) for seed in range(40)][::-1]
    mona.set_viewport_size({"width": 700, "height": 1000})
    mona.reload()
    seen = int(mona.locator("#rest-count").text_content() or 0)
    assert 4 <= seen < 40
    press(mona, "A")
    expect(mona.locator("#undo")).to_contain_text(f"OK: {seen} pictures in one decision.")
    assert [decided(number) for number in numbers] == [Kind.APPROVE] * seen + [None] * (40 - seen)
    assert len(pictures.history(None, 10)) == 1
    press(mona, "u")
    expect(mona.locator(UNDECIDED)).to_have_count(40)


def test_a_selection_is_decided_together(mona: Page, arrive: Callable, draw: Callable) -> None:
    numbers = [arrive(draw(seed)) for seed in range(6)][::-1]
    mona.reload()
    press(mona, "j", "v", "j")
    press(mona, "Shift+ArrowRight")
    expect(mona.locator("#selection")).to_contain_text("3 selected")
    press(mona, "x")
    expect(mona.locator(UNDECIDED)).to_have_count(3)
    assert [decided(number) for number in numbers] == [Kind.MARK] * 3 + [None] * 3


def test_keys_are_off_while_typing_with_modifiers_and_for_who_switches_them_off(
    mona: Page, arrive: Callable, draw: Callable
) -> None:
    number = arrive(draw(1))
    mona.reload()
    press(mona, "j", "Control+x", "Alt+o", "Meta+x")
    press(mona, "?")
    expect(mona.get_by_role("dialog")).to_contain_text("The rest is fine")
    press(mona, "x")
    mona.get_by_label("Keys are on").uncheck()
    press(mona, "Escape", "x")
    mona.reload()
    press(mona, "j", "x")
    mona.wait_for_timeout(300)
    assert decided(number) is None
    mona.get_by_role("button", name="Keys").click()
    mona.get_by_label("Keys are on").check()
    press(mona, "Escape", "j", "x")
    expect(mona.locator(UNDECIDED)).to_have_count(0)
    assert decided(number) is Kind.MARK


def test_they_stay_off_and_the_clock_goes_on_after_signing_out_and_in_again(mona: Page) -> None:
    press(mona, "?")
    mona.get_by_label("Keys are on").uncheck()
    press(mona, "Escape")
    since = mona.evaluate("JSON.parse(localStorage.getItem('worked')).since")
    mona.locator("summary:has(.who)").click()
    mona.get_by_role("button", name="Sign out").click()
    expect(mona.get_by_text("You are signed out.")).to_be_visible()
    again = signed_in(mona.context, "mona")
    assert again.evaluate("JSON.parse(localStorage.getItem('worked')).since") == since
    again.get_by_role("button", name="Keys").click()
    expect(again.get_by_label("Keys are on")).not_to_be_checked()
