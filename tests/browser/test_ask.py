"""A mark that would take much down asks first, in place."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from moderation.models import Role, Status
from tests.conftest import near_copy, status


@pytest.fixture
def mona(window: Callable) -> Page:
    return window("mona", Role.MODERATOR, viewport={"width": 1280, "height": 900})


@pytest.fixture
def copies(arrive: Callable, draw: Callable) -> list[int]:
    """Eight members with the same picture; newest first, as on the grid."""
    return [arrive(near_copy(draw(1), scale=1 - place / 40)) for place in range(8)][::-1]


def places(page: Page) -> list[dict]:
    return page.evaluate("[...document.querySelectorAll('.card')].map((card) => card.getBoundingClientRect().toJSON())")


def test_the_panel_lists_the_sweep_moves_no_card_and_spares_what_is_unticked(
    mona: Page, copies: list[int], arrive: Callable, draw: Callable
) -> None:
    mona.goto("/review/?show=all")
    before = places(mona)
    mona.locator(f"#picture-{copies[0]}").get_by_role("button", name="Indecent").click()
    panel = mona.get_by_role("group", name="This takes down 7 other pictures of 7 members")
    expect(panel.get_by_role("button", name="Take down all 8")).to_be_visible()
    assert places(mona) == before
    assert {status(number) for number in copies} == {Status.PUBLISHED}
    panel.get_by_role("checkbox").nth(2).uncheck()
    panel.get_by_role("button", name="Take down 7").click()
    expect(mona.locator("#undo")).to_contain_text("Indecent: 6 other copies taken down.")
    expect(panel).to_have_count(0)
    spared = copies[3]
    assert {number: status(number) for number in copies} == {
        number: Status.PUBLISHED if number == spared else Status.REMOVED for number in copies
    }
    expect(mona.locator(".card:not(.decided)")).to_have_count(1)
    expect(mona.locator(".card:not(.decided)")).to_have_id(f"picture-{spared}")
    assert status(arrive(draw(1))) is Status.REFUSED


def test_a_sweep_of_seven_is_undone_by_one_key(mona: Page, copies: list[int]) -> None:
    mona.goto("/review/?show=all")
    mona.keyboard.press("j")
    mona.keyboard.press("x")
    mona.get_by_role("button", name="Take down all 8").press("Enter")
    expect(mona.locator("#undo")).to_contain_text("Indecent: 7 other copies taken down.")
    assert {status(number) for number in copies} == {Status.REMOVED}
    mona.keyboard.press("u")
    expect(mona.locator(".card:not(.decided)")).to_have_count(8)
    assert {status(number) for number in copies} == {Status.PUBLISHED}


def test_while_the_panel_is_open_no_key_decides_and_escape_leaves_all_as_it_is(mona: Page, copies: list[int]) -> None:
    mona.goto("/review/?show=all")
    mona.keyboard.press("j")
    mona.keyboard.press("x")
    expect(mona.locator(".ask")).to_be_focused()
    for key in ("x", "o", "A", "Escape"):
        mona.keyboard.press(key)
    expect(mona.locator(".ask")).to_have_count(0)
    expect(mona.locator(f"#picture-{copies[0]}")).to_be_focused()
    expect(mona.locator(".card.decided")).to_have_count(0)
    mona.keyboard.press("u")  # there is nothing to take back
    mona.keyboard.press("x")
    mona.get_by_role("button", name="Only this one").click()
    expect(mona.locator("#undo")).to_contain_text("Indecent: no other copies on show.")
    assert [status(number) for number in copies] == [Status.REMOVED] + [Status.PUBLISHED] * 7


def test_a_copy_that_was_spared_waits_as_a_card_of_its_own(mona: Page, copies: list[int]) -> None:
    mona.reload()
    expect(mona.locator(".card")).to_have_count(1)
    mona.get_by_role("button", name="Indecent").click()
    mona.locator(".ask").get_by_role("checkbox").nth(2).uncheck()
    mona.get_by_role("button", name="Take down 7").click()
    mona.get_by_role("button", name="Show 1 new").click()
    expect(mona.locator(".card:not(.decided)")).to_have_id(f"picture-{copies[3]}")
