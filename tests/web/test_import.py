"""Importing pictures into the blocklist in the browser: a preview, then one decision that is taken back whole."""

import re
from collections.abc import Callable
from contextvars import Context
from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from moderation import accounts, allowing, review
from moderation.columns import now
from moderation.database import db, writing
from moderation.models import Entry, KnownGood, Role, Status
from moderation.parts import Parts
from tests.conftest import near_copy, save, status
from tests.web.conftest import Browser


@pytest.fixture
def root(sign_in: Callable) -> Browser:
    return sign_in("root", Role.ADMIN)


def files(**named: bytes) -> list[FileStorage]:
    return [FileStorage(BytesIO(data), f"{name}.jpg") for name, data in named.items()]


def test_the_preview_says_what_is_new_known_weak_unreadable_and_would_come_down_and_changes_nothing(
    root: Browser, arrive: Callable, draw: Callable, parts: Parts, person: Callable
) -> None:
    review.mark(parts, arrive(draw(1)), person("ana", Role.MODERATOR), None)
    shown = arrive(near_copy(draw(2)))
    blank = save(Image.new("RGB", (200, 200), "white"))
    # Known is the very same picture; one that is saved anew is another.
    page = root.post(
        "/admin/import", file=files(new=draw(2), twice=draw(2), white=blank, text=b"no picture", before=draw(1))
    ).text
    assert "This blocks 2 pictures and takes down 1 on show" in page
    assert 'before.jpg is <a href="/blocklist/1">entry 1</a>' in page
    assert "white.jpg. Identical copies alone would be blocked." in page
    assert "text.jpg: " in page
    assert f'href="/review/pictures/{shown}"' in page
    assert status(shown) is Status.PUBLISHED
    assert db.session.query(Entry).count() == 1


def test_an_import_is_one_decision_and_taken_back_whole(root: Browser, arrive: Callable, draw: Callable) -> None:
    shown = arrive(near_copy(draw(2)))
    answer = root.post("/admin/import", file=files(a=draw(2), b=draw(3)), reason="from a list", go="").text
    assert "Blocked 2 pictures; 1 on show taken down." in answer
    assert "from a list" in answer
    assert status(shown) is Status.REMOVED
    assert status(arrive(near_copy(draw(3)))) is Status.REFUSED
    root.post("/review/decisions/1/undo")
    assert status(shown) is Status.PUBLISHED
    assert status(arrive(near_copy(draw(3)))) is Status.PUBLISHED


def test_a_known_good_picture_stays_and_the_import_says_so(
    root: Browser, arrive: Callable, draw: Callable, parts: Parts
) -> None:
    allowing.add_file(parts, draw(1), "avatar.jpg", "", 1)
    shown = arrive(draw(1))
    copy = near_copy(draw(1), 0.5)
    assert "1 known-good picture looks like these" in root.post("/admin/import", file=files(a=copy)).text
    answer = root.post("/admin/import", file=files(a=copy), go="").text
    assert "0 on show taken down. 1 known-good picture looks like these: still allowed." in answer
    assert status(shown) is Status.PUBLISHED


def test_admins_may_send_more_at_once_than_an_upload_and_others_may_not(
    root: Browser, sign_in: Callable, draw: Callable, app: object
) -> None:
    heavy = save(Image.effect_noise((2400, 1600), 80).convert("RGB"), quality=95)
    many = files(**{f"n{number}": heavy for number in range(12)})
    assert sum(len(heavy) for _ in many) > 11_000_000
    assert "This blocks 1 picture" in root.post("/admin/import", file=many).text
    mia = sign_in("mia")
    assert mia.post("/admin/import", file=files(**{f"n{n}": heavy for n in range(12)})).status_code in (403, 413)


def test_a_script_that_sends_nothing_is_shown_the_page(root: Browser) -> None:
    answer = root.get("/admin/import", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.mimetype) == (200, "text/html")


def test_without_files_it_says_so(root: Browser) -> None:
    answer = root.post("/admin/import", go="")
    assert answer.status_code == 422
    assert "Please choose the pictures first." in answer.text
    assert root.post("/admin/import", json=True).json == {"error": "Please choose the pictures first."}


def test_names_of_files_are_kept_such_that_any_database_and_page_can_show_them(
    root: Browser, draw: Callable, database: object
) -> None:
    name = "a/new\u2028line\x7f \u202e" + "x" * 300 + ".jpg"
    answer = root.post("/admin/import", file=FileStorage(BytesIO(draw(1)), name), go="")
    assert "Blocked 1 picture" in answer.text
    (entry,) = db.session.query(Entry)
    assert entry.source == f"new\ufffdline\ufffd \ufffd{'x' * 49}…{'x' * 15}.jpg"
    assert "a file is known good" in root.post("/admin/known-good", file=FileStorage(BytesIO(draw(2)), " ")).text


def test_of_many_files_that_cannot_be_read_the_first_are_named(root: Browser, draw: Callable) -> None:
    good = FileStorage(BytesIO(draw(1)), "good.jpg")
    bad = [FileStorage(BytesIO(b"no picture"), f"{'long ' * 20}{number}.jpg") for number in range(60)]
    answer = root.post("/admin/import", file=[good, *bad], go="")
    assert "Blocked 1 picture" in answer.text
    assert answer.text.count("This file is not a picture that we can read.") == 5
    assert "55 more files could not be read." in answer.text


class Slow(BytesIO):
    """A request that takes its time; meanwhile something happens."""

    def __init__(self, data: bytes, meanwhile: Callable[[], None]) -> None:
        super().__init__(data)
        self.meanwhile = [meanwhile]

    def readinto(self, buffer: Any) -> int:
        while self.meanwhile:
            Context().run(self.meanwhile.pop())
        return super().readinto(buffer)


@pytest.mark.parametrize("page", ["/admin/import", "/admin/known-good"])
def test_who_is_no_admin_any_more_when_all_has_arrived_imports_nothing(
    app: Flask, root: Browser, draw: Callable, page: str
) -> None:
    def deactivate() -> None:
        with app.app_context(), writing():
            accounts.named("root").deactivated = now()

    token = re.search(r'name="csrf_token" value="([^"]+)"', root.get("/admin/import").text)[1]
    boundary, body = encode_multipart({"csrf_token": token, "go": "", "file": files(a=draw(1))[0]})
    answer = root.send(
        "POST",
        page,
        input_stream=Slow(body, deactivate),
        content_length=len(body),
        content_type=f'multipart/form-data; boundary="{boundary}"',
    )
    assert answer.status_code == 401
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Entry)) == 0
    assert db.session.scalar(sa.select(sa.func.count()).select_from(KnownGood)) == 0
