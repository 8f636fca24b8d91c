"""What a page of the grid costs a moderator: bytes, and cards that jump."""

from collections.abc import Callable

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
