"""Several copies of one picture are one card on the grid."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from moderation import appeals, review
from moderation.demo import near_miss
from moderation.models import Role
from moderation.parts import Parts
from moderation.uploads import receive
from tests.conftest import near_copy

WITHIN = """chips => [...chips.querySelectorAll(".chip")].every((chip) => {
    const { top, bottom, left, right } = chip.getBoundingClientRect();
    const around = chips.getBoundingClientRect();
    return chip.getClientRects().length === 1 && bottom - top < 20 && top >= around.top && bottom <= around.bottom
        && left >= around.left && right <= around.right;
})"""
"""Whether each chip is one line, and no part of it lies outside."""


def test_a_copy_that_arrives_joins_the_card_that_lies_there_and_moves_nothing(
    window: Callable, arrive: Callable, draw: Callable
) -> None:
    arrive(draw(1)), arrive(draw(2))
    ana = window("ana", Role.MODERATOR)
    cards = ana.locator(".grid .card")
    expect(cards).to_have_count(2)
    expect(ana.get_by_text("Live", exact=True)).to_be_visible()
    place = cards.last.bounding_box()
    cards.last.focus()
    arrive(near_copy(draw(1)))
    expect(cards.last.get_by_text("×2")).to_be_visible()
    expect(cards).to_have_count(2)
    assert cards.last.bounding_box() == place
    expect(cards.last).to_be_focused()
    expect(ana.locator(".arrivals")).to_be_hidden()

    ana.keyboard.press("o")
    expect(cards.last.get_by_text("OK: 2 pictures in one decision.")).to_be_visible()
    ana.keyboard.press("u")
    expect(cards.last.get_by_text("×2")).to_be_visible()
    ana.keyboard.press("x")
    expect(cards.last.get_by_text("Indecent: 1 other copy taken down.")).to_be_visible()


def test_the_rest_is_fine_means_every_copy(window: Callable, arrive: Callable, draw: Callable) -> None:
    arrive(draw(1)), arrive(near_copy(draw(1))), arrive(draw(2))
    ana = window("ana", Role.MODERATOR)
    ana.get_by_role("button", name="The rest is fine").click()
    expect(ana.locator("#undo").get_by_text("OK: 3 pictures in one decision.")).to_be_visible()


def test_the_menu_of_a_card_opens_and_closes_by_keyboard_and_leads_on(
    window: Callable, arrive: Callable, draw: Callable
) -> None:
    arrive(draw(1))
    ana = window("ana", Role.MODERATOR)
    more = ana.locator(".menu summary")
    more.focus()
    ana.keyboard.press("Enter")
    expect(ana.get_by_role("link", name="Escalate…")).to_be_visible()
    ana.keyboard.press("Escape")
    expect(ana.get_by_role("link", name="Escalate…")).to_be_hidden()
    expect(more).to_be_focused()
    ana.keyboard.press("Space")
    ana.get_by_role("link", name="Open").click()
    ana.wait_for_url("**/review/pictures/1")
    ana.go_back()
    more.click()
    ana.get_by_role("link", name="All of member0").click()
    expect(ana.locator(".arranged").get_by_label("Member")).to_have_value("member0")
    expect(ana.locator(".grid .card")).to_have_count(1)


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("size", ["s", "m", "l"])
def test_chips_and_the_menu_stay_within_the_card_however_long_the_name_is(
    window: Callable, parts: Parts, person: Callable, draw: Callable, size: str, width: int
) -> None:
    member, ben = person("Maximiliane_Wilhelmine_von_Hohenmarschen"), person("ben", Role.MODERATOR)
    receive(parts, member, draw(1))
    review.mark(parts, 1, ben, None)
    receive(parts, member, near_copy(draw(1)))
    appeals.ask(2, member, "It is my knee.", timedelta(days=1))
    for seed in (2, 3):
        receive(parts, member, near_miss(draw(1), parts.policy))
        receive(parts, member, draw(seed))
    ana = window("ana", Role.MODERATOR, viewport={"width": width, "height": 900})
    for show, chips in (("held", ["×2", "near match", "5th upload today"]), ("refused", ["refused", "appealed"])):
        ana.goto(f"/review/?size={size}&show={show}")
        card = ana.locator(".grid .card").first
        assert [chip.text_content() for chip in card.locator(".chip").all()] == chips
        assert card.locator(".chips").evaluate(WITHIN), show
        for chip, words in zip(card.locator(".chip").all(), chips, strict=True):
            assert words.lower() in (chip.get_attribute("title") or "").lower()
        card.locator(".menu summary").click()
        menu, box = card.get_by_role("link", name="Escalate…").bounding_box(), card.bounding_box()
        assert menu["y"] + menu["height"] < box["y"] + box["height"]


def test_the_grid_is_arranged_by_order_size_and_member(window: Callable, arrive: Callable, draw: Callable) -> None:
    arrive(draw(1)), arrive(near_copy(draw(1))), arrive(draw(2))
    ana = window("ana", Role.MODERATOR, viewport={"width": 1024, "height": 768})
    ana.get_by_role("link", name="Most copies").click()
    expect(ana.locator(".grid .card").first.get_by_text("×2")).to_be_visible()
    ana.get_by_role("link", name="Large").click()
    expect(ana.get_by_role("link", name="Large")).to_have_attribute("aria-current", "true")
    card = ana.locator(".grid .card").first
    expect(card.get_by_text("×2")).to_be_visible()
    assert card.bounding_box()["width"] >= 280

    # On a phone behind a button; small means three in a row, whose buttons are all there.
    ana.set_viewport_size({"width": 360, "height": 740})
    expect(ana.get_by_role("link", name="Small")).to_be_hidden()
    ana.locator(".arrange summary").click()
    ana.get_by_role("link", name="Small").click()
    expect(ana.locator(".grid.size-s")).to_be_visible()
    places = [card.bounding_box() for card in ana.locator(".grid .card").all()]
    assert places[0]["x"] + 2 * places[0]["width"] < 360 - places[0]["width"]
    for button in ana.locator(".card").first.get_by_role("button").all():
        box = button.bounding_box()
        assert places[0]["x"] < box["x"]
        assert box["x"] + box["width"] < places[0]["x"] + places[0]["width"]
        assert button.evaluate("one => one.scrollWidth <= one.clientWidth")
    ana.locator(".arrange summary").click()
    ana.locator(".arrange").get_by_label("Member").fill("member2")
    ana.get_by_role("button", name="Show", exact=True).click()
    expect(ana.locator(".grid .card")).to_have_count(1)
    expect(ana.locator(".arrange summary")).to_have_text("Most copies first, of member2")


def test_more_cards_come_below_those_that_are_there_and_the_keys_go_on_from_them(
    window: Callable, arrive: Callable, draw: Callable
) -> None:
    for seed in range(60):
        arrive(draw(seed))
    ana = window("ana", Role.MODERATOR, viewport={"width": 1280, "height": 900})
    ana.get_by_role("link", name="Closest").click()
    cards = ana.locator(".grid .card")
    expect(cards).to_have_count(48)
    there = [card.get_attribute("id") for card in cards.all()]
    ana.get_by_role("link", name="Show 12 more").click()
    expect(cards).to_have_count(60)
    assert [card.get_attribute("id") for card in cards.all()][:48] == there
    last = cards.nth(47)
    expect(last).to_be_focused()
    tray = ana.locator("#tray").bounding_box()
    assert last.bounding_box()["y"] >= tray["y"] + tray["height"]
    ana.keyboard.press("j")
    expect(cards.nth(48)).to_be_focused()
    expect(ana.get_by_role("link", name="Show 12 more")).to_have_count(0)
