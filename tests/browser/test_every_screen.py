"""Every screen, light on a desktop and then dark on a phone: what axe finds, what overflows, whom it asks."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from moderation.models import Role
from tests.browser.conftest import served
from tests.browser.screens import Screen, enter, furnish, look

WIDTHS = (640, 768, 900, 1024, 1340, 2560, 360)

RULES = {
    "light": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "dark": {"type": "rule", "values": ["color-contrast", "target-size", "scrollable-region-focusable"]},
}
"""All of them once; and once more, on a phone, those that colours and room decide."""

INLINE = """() => [...document.querySelectorAll("[style], style, script:not([src])")].map((one) => one.outerHTML)
    .concat([...document.querySelectorAll("*")].flatMap((one) => [...one.attributes])
        .filter((one) => one.name.startsWith("on")).map((one) => one.name))"""
"""Styles and scripts in the page itself: the security policy would keep them from working."""


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[Role | None, Sequence[Screen]]]]:
    """The address of the demo's site, and its screens. So few cards are on a page that there is a way to older ones."""
    folder: Path = tmp_path_factory.mktemp("demo")
    screens = furnish(folder)
    with served(folder, GRID_PAGE="24") as address:
        yield address, screens


def findings(page: Page, scheme: str) -> list[str]:
    # Of what passes it need not list every element.
    options = {"runOnly": RULES[scheme], "resultTypes": ["violations"]}
    axe = Axe() if scheme == "light" else Axe("null")  # its script is there already
    found = axe.run(page, options=options).response["violations"]
    return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]


def too_wide(page: Page) -> list[str]:
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"{wide} pixels too wide at {page.viewport_size['width']}"] if wide > 0 else []


@pytest.mark.parametrize("role", [None, *Role])
def test_axe_finds_nothing_nothing_overflows_and_no_other_host_is_asked(
    furnished: tuple[str, dict[Role | None, Sequence[Screen]]],
    chromium: Browser,
    role: Role | None,
) -> None:
    address, screens = furnished
    elsewhere: list[str] = []
    context, page = enter(chromium, address, role, **look("desktop", "light"), reduced_motion="reduce")
    with context:
        context.on("request", lambda asked: asked.url.startswith((address, "blob:")) or elsewhere.append(asked.url))
        found = {}
        for screen in screens[role]:
            if screen.alike:
                continue
            page.goto(screen.path)
            complaints = page.evaluate(INLINE)
            screen.act(page)
            complaints += findings(page, "light") + too_wide(page)
            desktop = page.viewport_size
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                complaints += too_wide(page)
            page.emulate_media(color_scheme="dark", reduced_motion="reduce")
            complaints += findings(page, "dark")
            page.emulate_media(color_scheme="light", reduced_motion="reduce")
            page.set_viewport_size(desktop)
            if complaints:
                found[screen.name] = complaints
        assert found == {}
        assert elsewhere == []
