"""Pictures are blurred by the server until a moderator presses on one."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, Request, expect

from moderation import appeals, pictures, review
from moderation.demo import near_miss
from moderation.models import Role
from moderation.parts import Parts
from tests.browser.conftest import intercept
from tests.conftest import near_copy


@pytest.fixture
def mona(window: Callable) -> Page:
    return window("mona", Role.MODERATOR, viewport={"width": 1280, "height": 900})


@pytest.fixture
def asked(mona: Page) -> list[str]:
    """The addresses of pictures that the page asks for, from now on."""
    addresses: list[str] = []

    def note(request: Request) -> None:
        if "/pictures/" in request.url and request.resource_type == "image":
            addresses.append(request.url)

    mona.on("request", note)
    return addresses


def src(page: Page, number: int) -> str:
    return page.locator(f"#picture-{number} img").get_attribute("src") or ""


def test_the_sharp_file_is_not_requested_before_a_press_and_is_gone_after_four_seconds(
    mona: Page, asked: list[str], arrive: Callable, draw: Callable
) -> None:
    first, second = arrive(draw(1)), arrive(draw(2))
    mona.clock.install()
    mona.reload()
    mona.locator(f"#picture-{first} img").hover()
    mona.wait_for_load_state("networkidle")
    assert len(asked) == 2
    assert [address for address in asked if "?level=3" not in address] == []
    mona.locator(f"#picture-{first} img").click()
    expect(mona.locator(f"#picture-{first} img")).to_have_attribute("src", f"/pictures/{first}/thumbnail")
    mona.wait_for_load_state("networkidle")
    assert [address for address in asked if "?level=3" not in address] == [
        mona.url.split("/review")[0] + f"/pictures/{first}/thumbnail"
    ]
    mona.clock.run_for(4100)
    assert "level=3" in src(mona, first)
    assert "level=3" in src(mona, second)


def test_the_second_press_opens_the_picture_whose_page_is_shielded_too(
    mona: Page, asked: list[str], arrive: Callable, draw: Callable
) -> None:
    number = arrive(draw(1))
    mona.reload()
    mona.locator(f"#picture-{number} img").click()
    assert mona.url.endswith("/review/")
    mona.locator(f"#picture-{number} img").click()
    mona.wait_for_url(f"**/review/pictures/{number}")
    mona.wait_for_load_state("networkidle")
    assert [address for address in asked if "?level=3" not in address and "thumbnail" not in address] == []
    mona.locator(".portrait img").click()
    expect(mona.locator(".portrait img")).to_have_attribute("src", f"/pictures/{number}")


def test_what_is_listed_opens_by_its_words_without_a_look_at_the_sharp_picture(
    mona: Page, asked: list[str], parts: Parts, arrive: Callable, draw: Callable, person: Callable
) -> None:
    review.mark(parts, arrive(draw(1)), person("ben", Role.MODERATOR), None)
    held, refused = arrive(near_miss(draw(1), parts.policy)), arrive(near_copy(draw(1)))
    appeals.ask(refused, pictures.find(refused).member_id, "It is my knee.", timedelta(days=1))
    for page, words, to in (
        ("/review/near", "member1", f"/review/cases/{held}"),
        ("/review/appeals", "member2", f"/review/cases/{refused}"),
        (f"/review/search?picture={held}", "member2", f"/review/pictures/{refused}"),
        ("/review/history", "Picture 1", "/review/pictures/1"),
    ):
        mona.goto(page)
        mona.get_by_role("main").get_by_role("link", name=words, exact=True).click()
        mona.wait_for_url(f"**{to}")
    mona.wait_for_load_state("networkidle")
    assert asked
    assert [address for address in asked if "?level=3" not in address] == []


def test_space_shows_a_picture_while_it_is_held_and_b_hides_all(mona: Page, arrive: Callable, draw: Callable) -> None:
    number = arrive(draw(1))
    mona.reload()
    mona.keyboard.press("j")
    mona.keyboard.down(" ")
    assert "level" not in src(mona, number)
    mona.keyboard.up(" ")
    assert "level" in src(mona, number)
    mona.keyboard.press("b")
    expect(mona.locator(f"#picture-{number} img")).not_to_be_visible()
    mona.keyboard.press("b")
    expect(mona.locator(f"#picture-{number} img")).to_be_visible()


def test_leaving_the_tab_hides_everything(mona: Page, arrive: Callable, draw: Callable) -> None:
    number = arrive(draw(1))
    mona.reload()
    mona.locator(f"#picture-{number} img").click()
    mona.evaluate("""() => {
        Object.defineProperty(document, "hidden", { get: () => true });
        document.dispatchEvent(new Event("visibilitychange"));
    }""")
    expect(mona.locator(f"#picture-{number} img")).not_to_be_visible()
    assert "level" in src(mona, number)


def test_the_level_is_the_moderators_own_and_stays(mona: Page, arrive: Callable, draw: Callable) -> None:
    number = arrive(draw(1))
    mona.reload()
    mona.keyboard.press("g")
    expect(mona.locator(f"#picture-{number} img")).to_have_attribute("src", f"/pictures/{number}/thumbnail?level=4")
    mona.reload()
    assert "level=4" in src(mona, number)
    with mona.expect_response("**/review/shield"):
        mona.get_by_label("Shield").select_option("No shield")
    mona.reload()
    assert src(mona, number) == f"/pictures/{number}/thumbnail"
    mona.locator(f"#picture-{number} img").click()  # nothing to reveal: it opens
    mona.wait_for_url(f"**/review/pictures/{number}")


@pytest.mark.parametrize("why", ["no connection", "signed out"])
@pytest.mark.parametrize("page", ["/review/pictures/1", "/blocklist/", "/account/"])
def test_off_the_grid_it_is_said_too_that_a_level_cannot_be_stored(
    mona: Page, arrive: Callable, draw: Callable, page: str, why: str
) -> None:
    arrive(draw(1))
    mona.goto(page)
    if why == "signed out":
        mona.context.clear_cookies()
    else:
        intercept(mona, "**/review/shield")
    mona.get_by_label("Shield").select_option("Shield 5")
    expect(mona.get_by_role("alert")).to_have_text("The shield stays as it was: that did not work. Please try again.")
    expect(mona.get_by_label("Shield")).to_have_value("3")


def test_a_level_that_cannot_be_stored_is_said_and_changes_no_picture(
    mona: Page, asked: list[str], arrive: Callable, draw: Callable
) -> None:
    number = arrive(draw(1))
    mona.reload()
    mona.wait_for_load_state("networkidle")
    asked.clear()
    intercept(mona, "**/review/shield")
    mona.keyboard.press("g")
    expect(mona.get_by_role("alert")).to_have_text("The shield stays as it was: that did not work. Please try again.")
    expect(mona.get_by_label("Shield")).to_have_value("3")
    assert "level=3" in src(mona, number)
    assert asked == []
    mona.unroute("**/review/shield")
    for _ in range(3):
        mona.keyboard.press("g")
    expect(mona.locator(f"#picture-{number} img")).to_have_attribute("src", f"/pictures/{number}/thumbnail?level=6")
    mona.reload()
    assert "level=6" in src(mona, number)
