"""A note is typed beside the buttons, and no key in it does anything but write."""

from collections.abc import Callable

import sqlalchemy as sa
from playwright.sync_api import expect

from moderation import review
from moderation.database import db
from moderation.demo import near_miss
from moderation.models import Decision, Role, Status
from moderation.parts import Parts
from tests.conftest import status

KEYS = "x o s u A v b g m n ? hjkl"
"""What decides, moves, hides and goes elsewhere on the grid."""


def test_keys_only_write_while_a_note_is_typed_and_it_goes_with_the_button_that_is_pressed(
    window: Callable, parts: Parts, arrive: Callable, draw: Callable, person: Callable
) -> None:
    review.mark(parts, arrive(draw(1)), person("first", Role.MODERATOR), None)
    held, fresh = arrive(near_miss(draw(1), parts.policy)), arrive(draw(2))
    ana = window("ana", Role.MODERATOR)
    for page, number, button in (
        (f"/review/cases/{held}", held, "Not a match"),
        (f"/review/pictures/{fresh}", fresh, "Indecent"),
    ):
        before = status(number)
        ana.goto(page)
        field = ana.get_by_label("Note for other moderators")
        field.focus()
        ana.keyboard.type(KEYS)
        ana.keyboard.press("Escape")
        ana.keyboard.press("Enter")
        ana.keyboard.type("and a line")
        expect(field).to_have_value(f"{KEYS}\nand a line")
        expect(field).to_be_focused()
        assert page in ana.url
        assert status(number) is before
        ana.get_by_role("button", name=button, exact=True).click()
        expect(ana.get_by_role("button", name="Undo").first).to_be_visible()
    assert (status(held), status(fresh)) == (Status.PUBLISHED, Status.REMOVED)
    ana.goto("/review/history")
    expect(ana.locator(".noted")).to_have_count(2)
    expect(ana.locator(".noted").first).to_contain_text(KEYS)
    kept = db.session.scalars(sa.select(Decision.note).order_by(Decision.id.desc()).limit(2)).all()
    assert kept == [f"{KEYS}\nand a line"] * 2
