"""The known-good list in the browser: moderators see it, admins keep it."""

from collections.abc import Callable
from io import BytesIO

from werkzeug.datastructures import FileStorage

from moderation import review
from moderation.models import Role, Status
from moderation.parts import Parts
from tests.conftest import status


def test_an_admin_adds_files_and_removes_one_and_moderators_look_on(
    sign_in: Callable, draw: Callable, arrive: Callable, parts: Parts, person: Callable
) -> None:
    root, ana = sign_in("root", Role.ADMIN), sign_in("ana", Role.MODERATOR)
    review.mark(parts, arrive(draw(1)), person("ben", Role.MODERATOR), None)
    files = [FileStorage(BytesIO(data), name) for data, name in ((draw(1), "a.jpg"), (b"text", "b.txt"))]
    page = root.post("/admin/known-good", file=files, note="default avatars").text
    assert "a.jpg is known good from now on: it is never refused or held. Entry 1 would have stopped it." in page
    assert "b.txt: " in page
    assert "Remove known-good picture 1" in page
    seen = ana.get("/blocklist/known-good").text
    assert "default avatars" in seen
    assert "Remove" not in seen
    assert ana.get("/blocklist/known-good/1/look?level=3").mimetype == "image/jpeg"

    number = arrive(draw(1))
    assert status(number) is Status.PUBLISHED
    assert "known-good picture 1" in ana.get(f"/review/pictures/{number}").text
    asked = ana.post(f"/review/pictures/{number}/mark").text
    assert "It is known-good picture 1 (default avatars)." in asked
    assert status(number) is Status.PUBLISHED

    assert "is removed" in root.post("/admin/known-good/1/remove").text
    assert status(number) is Status.REMOVED
    assert "No picture is known good yet." in ana.get("/blocklist/known-good").text


def test_an_admin_adds_a_members_picture_from_its_page(sign_in: Callable, draw: Callable, arrive: Callable) -> None:
    number = arrive(draw(1))
    root, ana = sign_in("root", Role.ADMIN), sign_in("ana", Role.MODERATOR)
    assert "Never refuse or hold it" in root.get(f"/review/pictures/{number}").text
    assert "Never refuse or hold it" not in ana.get(f"/review/pictures/{number}").text
    assert f"Picture {number} is known good from now on" in root.post("/admin/known-good", picture=number).text
    asked = ana.post(f"/review/pictures/{number}/mark", json=True).json["ask"]
    assert "This picture is known good" in asked
    ana.post(f"/review/pictures/{number}/mark", listed=number)
    assert status(number) is Status.REMOVED
    assert "Please choose a picture first." in root.post("/admin/known-good").text
