"""Every screen, light on a desktop and dark on a phone: what axe finds, what overflows, whom it asks."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from moderation import demo
from moderation.models import Role
from tests.browser.conftest import served, signed_in
from tests.browser.screens import SIZES, furnish

LOOKS = (("desktop", "light"), ("phone", "dark"))

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[Role, list[tuple[str, str]]]]]:
    """The address of the demo's site, and its screens."""
    folder: Path = tmp_path_factory.mktemp("demo")
    screens = furnish(folder)
    with served(folder) as address:
        yield address, screens


def findings(page: Page) -> list[str]:
    options = {"runOnly": {"type": "tag", "values": RULES}}
    found = Axe().run(page, options=options).response["violations"]
    return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
@pytest.mark.parametrize("role", list(Role))
def test_axe_finds_nothing_nothing_overflows_and_no_other_host_is_asked(
    furnished: tuple[str, dict[Role, list[tuple[str, str]]]], chromium: Browser, role: Role, size: str, scheme: str
) -> None:
    address, screens = furnished
    width, height = SIZES[size]
    options = {"viewport": {"width": width, "height": height}, "color_scheme": scheme, "reduced_motion": "reduce"}
    with chromium.new_context(base_url=address, **options) as context:
        elsewhere: list[str] = []
        context.on("request", lambda asked: asked.url.startswith((address, "blob:")) or elsewhere.append(asked.url))
        person = next(one for one in demo.PEOPLE if one.role is role)
        page = signed_in(context, person.name, person.password)
        found = {}
        for name, path in screens[role]:
            page.goto(path)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            complaints = findings(page) + ([f"{wide} pixels too wide"] if wide > 0 else [])
            if complaints:
                found[name] = complaints
        assert found == {}
        assert elsewhere == []
