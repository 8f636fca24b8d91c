"""The bar at the top: one row on a laptop, everything in reach at any width, by keyboard and without scripts."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from moderation import accounts, appeals, pictures, review
from moderation.database import db, writing
from moderation.demo import near_miss
from moderation.models import Account, Role
from moderation.parts import Parts
from tests.browser.conftest import signed_in
from tests.conftest import near_copy

PLACES = ("Recent", "Near matches", "Appeals", "Escalated", "Blocklist", "History")
FOR_ADMINS = ("Statistics", "People", "Settings", "Audit log")
OWN = ("My account", "My picture")


@pytest.fixture
def rosa(window: Callable) -> Page:
    """An admin with every tab there is."""
    page = window("rosa", Role.ADMIN)
    with writing():
        accounts.set_entrusted(db.session.get_one(Account, accounts.named("rosa").id), True)
    return page


IN_REACH = """() => {
    for (const menu of document.querySelectorAll("header details")) menu.open = true;
    const links = [...document.querySelectorAll("header nav a, header details a")];
    return links.filter((link) => link.checkVisibility()).filter((link) => {
        link.scrollIntoView({ block: "nearest" });
        const { left, right } = link.getBoundingClientRect();
        return left >= 0 && right <= window.innerWidth;
    }).map((link) => link.firstChild.textContent.trim());
}"""
"""The links of the bar that can be seen whole, as many times as they can, when its menus are open."""


def test_it_is_one_row_down_to_1024_pixels_and_everything_is_in_reach_at_any_width(rosa: Page) -> None:
    rosa.goto("/review/history")
    for width in (2560, 1661, 1660, 1470, 1469, 1200, 1199, 1024, 1023, 700, 360):
        rosa.set_viewport_size({"width": width, "height": 800})
        assert sorted(rosa.evaluate(IN_REACH)) == sorted((*PLACES, *FOR_ADMINS, *OWN)), width
        if width >= 1024:
            assert rosa.locator("header").bounding_box()["height"] <= 49, width
            assert rosa.locator(".tabs").evaluate("row => row.scrollWidth <= row.clientWidth"), width


def test_what_waits_is_counted_in_the_bar_of_an_open_grid_and_moves_no_tab(
    window: Callable, parts: Parts, arrive: Callable, draw: Callable, person: Callable
) -> None:
    ana = window("ana", Role.MODERATOR, viewport={"width": 1280, "height": 800})
    expect(ana.get_by_text("Live", exact=True)).to_be_visible()
    near, asked = (ana.locator(f".tabs [data-count={what}]") for what in ("held", "appeals"))
    expect(near).to_be_hidden()
    expect(ana.get_by_role("link", name="Near matches", exact=True)).to_be_visible()
    places = [tab.bounding_box() for tab in ana.locator(".tabs a").all()]

    review.mark(parts, arrive(draw(1)), accounts.named("ana").id, None)
    held, refused = arrive(near_miss(draw(1), parts.policy)), arrive(near_copy(draw(1)))
    expect(ana.get_by_role("link", name="Near matches 1", exact=True)).to_be_visible()
    expect(ana.locator(".filters [data-count=held]")).to_have_text("1")
    appeal = appeals.ask(refused, pictures.find(refused).member_id, "It is my knee.", timedelta(days=1))
    expect(ana.get_by_role("link", name="Appeals 1", exact=True)).to_be_visible()
    assert [tab.bounding_box() for tab in ana.locator(".tabs a").all()] == places

    appeals.uphold(appeal.id, person("ben", Role.MODERATOR))
    review.approve(parts, held, accounts.named("ana").id, None)
    expect(near).to_be_hidden()
    expect(asked).to_be_hidden()


def test_its_menus_open_and_close_by_keyboard_and_one_at_a_time(rosa: Page) -> None:
    rosa.set_viewport_size({"width": 1100, "height": 800})
    rosa.goto("/review/near")
    more, own = (rosa.locator(f"header details {which}") for which in ("summary:has-text('More')", "summary:has(.who)"))
    more.focus()
    rosa.keyboard.press("Enter")
    rosa.keyboard.press("Tab")
    expect(rosa.get_by_role("link", name="Blocklist")).to_be_focused()
    rosa.keyboard.press("Escape")
    expect(more).to_be_focused()
    expect(rosa.get_by_role("link", name="Blocklist")).to_be_hidden()
    more.click()
    own.click()
    expect(rosa.get_by_role("link", name="My account")).to_be_visible()
    expect(rosa.get_by_role("link", name="Blocklist")).to_be_hidden()
    rosa.get_by_role("heading", name="Near matches").click()
    expect(rosa.get_by_role("link", name="My account")).to_be_hidden()


def test_without_a_script_they_open_too_and_signing_out_works(chromium: Browser, site: str, person: Callable) -> None:
    person("rosa", Role.ADMIN)
    with chromium.new_context(base_url=site, java_script_enabled=False) as context:
        page = signed_in(context, "rosa")
        page.get_by_text("More", exact=True).click()
        page.get_by_role("link", name="Audit log").click()
        expect(page.get_by_role("heading", name="Audit log")).to_be_visible()
        page.locator("summary:has(.who)").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
