"""What a page of the grid costs a moderator: bytes, and cards that jump."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from moderation.models import Role

SHIFTS = """() => {
    window.shifts = [];
    new PerformanceObserver((list) => { window.shifts.push(...list.getEntries().map((entry) => [
            entry.value, ...entry.sources.map(({ node, previousRect, currentRect }) => [
                node?.outerHTML?.slice(0, 80) ?? node?.textContent, previousRect.toJSON(), currentRect.toJSON(),
            ]),
        ])); })
        .observe({ type: "layout-shift", buffered: true });
}"""

HALF = """() => {
    const card = document.querySelector(".grid .card");
    const places = (of) => [of, ...of.querySelectorAll("*")].map((one) => {
        const { x, y, width, height } = one.getBoundingClientRect();
        return one.checkVisibility() && width && height ? `${one.tagName} ${one.className} ${x} ${y}` : "not seen";
    });
    const html = card.outerHTML, whole = places(card), moved = new Set();
    let there = card;
    for (let end = html.indexOf(">"); end >= 0; end = html.indexOf(">", end + 1)) {
        const template = document.createElement("template");
        template.innerHTML = html.slice(0, end + 1);
        const half = template.content.firstElementChild;
        there.replaceWith(half);
        there = half;
        places(half).forEach((place, number) => {
            if (place !== "not seen" && place !== whole[number]) moved.add(`${place}, and then ${whole[number]}`);
        });
    }
    return [whole.length, [...moved]];
}"""
"""How many elements a card has, and which of them lie elsewhere while only its first so many tags have arrived."""

TRANSFERRED = """() => performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation"))
    .reduce((sum, entry) => sum + entry.transferSize, 0)"""


def until(page: Page, truth: str) -> None:
    """Wait for it without `eval`, which the pages' policy forbids."""
    for _ in range(100):
        if page.evaluate(truth):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"It never came to be: {truth}")


def open_grid(window: Callable) -> Page:
    page = window("mona", Role.MODERATOR, viewport={"width": 1440, "height": 900})
    page.add_init_script(f"({SHIFTS})()")
    return page


def test_the_first_page_with_all_its_pictures_is_under_300_kb(
    window: Callable, arrive: Callable, draw: Callable
) -> None:
    for seed in range(48):
        arrive(draw(seed))
    page = open_grid(window)
    page.goto("/review/")
    page.evaluate("document.querySelectorAll('.grid img').forEach((image) => { image.loading = 'eager'; })")
    until(page, "[...document.querySelectorAll('.grid img')].every((image) => image.complete && image.naturalWidth)")
    expect(page.locator(".card")).to_have_count(48)
    transferred = page.evaluate(TRANSFERRED)
    assert 20_000 < transferred < 300_000


def test_nothing_shifts_while_fifty_pictures_arrive(window: Callable, arrive: Callable, draw: Callable) -> None:
    for seed in range(20):
        arrive(draw(seed))
    page = open_grid(window)
    page.goto("/review/")
    for seed in range(20, 70):
        arrive(draw(seed))
    expect(page.locator("#show-new")).to_have_text("Show 50 new")
    assert page.evaluate("window.shifts") == []
    # The observer sees what does shift: else the line above could not fail.
    page.evaluate("document.querySelector('main').style.marginTop = '200px'")
    until(page, "window.shifts.length > 0")


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("size", ["s", "m", "l"])
def test_no_part_of_a_card_moves_while_the_rest_of_it_arrives(
    window: Callable, arrive: Callable, draw: Callable, size: str, width: int
) -> None:
    arrive(draw(1)), arrive(draw(2)), arrive(draw(1))
    page = window("mona", Role.MODERATOR, viewport={"width": width, "height": 900})
    page.goto(f"/review/?size={size}")
    expect(page.locator(".grid .card")).to_have_count(2)
    elements, moved = page.evaluate(HALF)
    assert elements > 20
    assert moved == []
