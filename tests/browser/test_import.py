"""Importing with a script: the files are chosen once, looked at, and blocked."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from moderation.models import Role, Status
from tests.conftest import near_copy, status


def test_files_are_previewed_and_blocked_without_choosing_them_twice(
    window: Callable, arrive: Callable, draw: Callable, tmp_path: Path
) -> None:
    shown = arrive(near_copy(draw(1)))
    for seed in (1, 2):
        (tmp_path / f"{seed}.jpg").write_bytes(draw(seed))
    root = window("root", Role.ADMIN)
    root.goto("/blocklist/")
    root.get_by_role("link", name="Import…").click()
    root.get_by_label("Picture files").set_input_files([tmp_path / "1.jpg", tmp_path / "2.jpg"])
    root.get_by_role("button", name="Preview").click()
    expect(root.get_by_role("heading", name="This blocks 2 pictures and takes down 1 on show")).to_be_visible()
    assert status(shown) is Status.PUBLISHED
    root.get_by_role("button", name="Block 2 pictures").click()
    expect(root.get_by_text("Blocked 2 pictures; 1 on show taken down.")).to_be_visible()
    assert status(shown) is Status.REMOVED
    root.get_by_role("button", name="Undo").first.click()
    expect(root.get_by_text("Taken back.")).to_be_visible()
    assert status(shown) is Status.PUBLISHED
