"""An appeal from the member's page to the second moderator's decision, in real browsers."""

import re
from collections.abc import Callable

from playwright.sync_api import expect

from moderation import accounts, review, uploads
from moderation.models import Role, Status
from moderation.parts import Parts
from tests.conftest import near_copy, status


def test_an_appeal_is_overturned_by_a_second_moderator(
    window: Callable, parts: Parts, arrive: Callable, draw: Callable, person: Callable, tmp_path
) -> None:
    ana = window("ana", Role.MODERATOR)
    ana.goto("/review/")
    marked = arrive(draw(1))
    review.mark(parts, marked, person("first", Role.MODERATOR), None)
    mia, ben = window("mia", viewport={"width": 390, "height": 740}), window("ben", Role.MODERATOR)
    file = tmp_path / "knee.jpg"
    file.write_bytes(near_copy(draw(1)))
    mia.goto("/picture")
    mia.get_by_label("Picture file").set_input_files(file)
    mia.get_by_role("button", name="Upload").click()
    ask = mia.locator("summary", has_text="Ask for another look")
    expect(ask).not_to_be_in_viewport()
    pointer = mia.get_by_role("link", name="Ask for another look")
    expect(pointer).to_be_in_viewport()
    pointer.press("Enter")
    expect(ask).to_be_in_viewport()
    mia.keyboard.press("Tab")  # past what is said of the decision
    mia.keyboard.press("Tab")
    expect(ask).to_be_focused()
    ask.press("Enter")
    mia.get_by_role("textbox").fill("This is my knee.")
    mia.get_by_role("button", name="Send").click()
    expect(mia.get_by_text("It has not been decided yet.")).to_be_visible()

    ben.goto("/review/")
    ben.get_by_role("link", name="Appeals 1").click()
    ben.get_by_role("link", name="Begin with the first").click()
    expect(ben.get_by_text("This is my knee.")).to_be_visible()
    ana.goto(ben.url)
    expect(ana.get_by_text("ben is looking at this picture.")).to_be_visible()
    expect(ana.get_by_role("button", name="Overturn")).to_have_count(0)
    ben.get_by_role("button", name="Overturn: it is fine").click()
    expect(ben.get_by_text("Appeal overturned: 1 picture is back.")).to_be_visible()
    expect(ben.get_by_text("No appeal waits.")).to_be_visible()
    mia.reload()
    expect(mia.get_by_text("You were right")).to_be_visible()
    assert status(marked + 1) is Status.PUBLISHED


def test_on_a_phone_an_appeal_that_will_not_do_is_where_one_was_typing(
    window: Callable, parts: Parts, arrive: Callable, draw: Callable, person: Callable
) -> None:
    review.mark(parts, arrive(draw(1)), person("first", Role.MODERATOR), None)
    mia = window("mia", viewport={"width": 390, "height": 740})
    uploads.receive(parts, accounts.named("mia").id, near_copy(draw(1)))
    mia.goto("/picture")
    mia.locator("summary", has_text="Ask for another look").click()
    mia.get_by_role("textbox").fill("   ")
    mia.get_by_role("button", name="Send").click()
    expect(mia.get_by_role("alert").filter(visible=True)).to_be_in_viewport()
    expect(mia.get_by_role("textbox")).to_be_focused()
    expect(mia.get_by_role("textbox")).to_have_accessible_description(re.compile("Please say in a few words"))
