"""The session timer: how long since the last break."""

from collections.abc import Callable

from playwright.sync_api import expect

from moderation.models import Role


def test_the_timer_counts_from_the_last_break_and_says_when_another_is_due(window: Callable) -> None:
    ana = window("ana", Role.MODERATOR)
    worked = ana.locator("#worked")
    expect(worked).to_have_text("0 min")
    ana.clock.install()
    ana.reload()
    for _ in range(13):
        ana.clock.fast_forward("05:00")
        ana.keyboard.press("j")
    expect(worked).to_have_text("1 h 5 min")
    expect(worked).to_have_class("worked due")
    ana.goto("/review/history")
    expect(worked).to_have_text("1 h 5 min")  # it goes on, on another page
    ana.clock.fast_forward("11:00")
    expect(worked).to_have_text("0 min")
