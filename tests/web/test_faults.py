"""A disk that is full, a store that is gone or read-only, a file that is missing: a sentence, and nothing half done."""

import errno
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from PIL import Image

from moderation import accounts, metrics
from moderation.app import create_app, migrate
from moderation.database import db, writing
from moderation.models import Picture, Role
from moderation.parts import Parts
from tests.conftest import PASSWORD, TESTING, on_postgres
from tests.postgres import Server
from tests.web.conftest import Browser


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB of its own."""
    with mounted(tmp_path / "disk", 4) as place:
        yield place


@contextmanager
def mounted(place: Path, megabytes: int) -> Iterator[Path]:
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", place], capture_output=True)
    if done.returncode:
        pytest.skip("Nothing can be mounted here.")
    yield place
    # At once, although a process that reads pictures apart may have been started with a file of it open.
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def site(place: Path, store: Path = Path("pictures")) -> Iterator[Browser]:
    """A member's browser on a site of that instance folder, with its pictures in that folder."""
    app = create_app(place, **TESTING, PICTURE_STORE=str(store))
    with app.app_context():
        migrate()
        with writing():
            accounts.create("ana", PASSWORD, Role.MEMBER)
        ana = Browser(app)
        ana.sign_in("ana")
        yield ana
        db.session.remove()
        db.engine.dispose()


def fill_up(place: Path) -> Path:
    """A file that takes all the room there is."""
    filling = place / "filling"
    with filling.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError as full:
                if full.errno != errno.ENOSPC:
                    raise
    return filling


def errors(kind: str) -> float:
    return metrics.counted().errors.labels(kind)._value.get()


def rows() -> int:
    db.session.rollback()
    return db.session.query(Picture).count()


def files(place: Path) -> set[str]:
    return {path.name for path in place.rglob("*") if path.is_file() and path.name != "filling"}


def test_a_full_disk_refuses_an_upload_whole_and_takes_the_next_when_there_is_room(
    small_disk: Path, instance: Path, draw: Callable
) -> None:
    with site(instance, small_disk / "pictures") as ana:
        ana.upload(draw(1))
        filling, before, counted = fill_up(small_disk), files(small_disk), errors("store")
        for number in range(3):
            answer = ana.upload(draw(10 + number))
            assert answer.status_code == 503
            assert "Pictures cannot be stored at this moment. Please try again in some minutes." in answer.text
        assert ana.get("/readyz").json["reasons"] == ["Pictures cannot be stored."]
        assert (rows(), files(small_disk), errors("store") - counted >= 3) == (1, before, True)
        assert ana.get("/picture").status_code == 200

        filling.unlink()
        assert "on show" in ana.upload(draw(20)).text
        assert rows() == 2


@pytest.mark.only("sqlite")
def test_a_full_disk_under_the_database_is_a_page_and_passes(small_disk: Path, draw: Callable, instance: Path) -> None:
    with site(small_disk / "site", instance / "elsewhere") as ana:
        filling = fill_up(small_disk)
        answers = [ana.upload(draw(number)) for number in range(12)]  # the log of writes has some room at first
        assert answers[-1].status_code == 503
        assert "if it was not, nothing was changed" in answers[-1].text
        assert {answer.status_code for answer in answers} <= {200, 503}
        held = rows()
        assert held == sum(answer.status_code == 200 for answer in answers)
        assert ana.get("/healthz").status_code == 200

        filling.unlink()
        assert ana.upload(draw(30)).status_code == 200
        assert rows() == held + 1
        assert db.session.execute(db.text("PRAGMA integrity_check")).scalar() == "ok"


def test_likewise_where_it_is_the_disk_of_the_database_server(
    postgres: Server, empty_postgres: str, draw: Callable, tmp_path: Path
) -> None:
    with mounted(postgres.folder / "disk", 64) as disk, postgres.tablespace(disk) as space:
        name = postgres.create(empty_postgres, space)
        with site(on_postgres(tmp_path / "site", postgres.url(name))) as ana:
            assert ana.upload(draw(1)).status_code == 200
            filling = fill_up(disk)
            answers = [ana.upload(draw(2 + number)) for number in range(40)]  # its pages have some room at first
            assert answers[-1].status_code == 503
            assert "if it was not, nothing was changed" in answers[-1].text
            assert {answer.status_code for answer in answers} <= {200, 503}
            held = rows()
            assert held == 1 + sum(answer.status_code == 200 for answer in answers)
            assert (ana.get("/healthz").status_code, ana.get("/picture").status_code) == (200, 200)

            filling.unlink()
            assert "on show" in ana.upload(draw(50)).text
            assert rows() == held + 1
        postgres.drop(name)


def test_a_store_that_is_gone_or_read_only_refuses_uploads_until_it_is_back(
    sign_in: Callable, parts: Parts, draw: Callable, tmp_path: Path
) -> None:
    ana = sign_in("ana")
    ana.upload(draw(1))
    parts.store.root.rename(tmp_path / "unmounted")
    parts.store.root.write_text("a file in the way")  # which stops root too
    answer = ana.upload(draw(2))
    assert answer.status_code == 503
    assert "Pictures cannot be stored at this moment" in answer.text
    assert rows() == 1
    assert ana.get("/pictures/1").status_code == 404
    parts.store.root.unlink()
    (tmp_path / "unmounted").rename(parts.store.root)
    assert ana.upload(draw(3)).status_code == 200
    assert ana.get("/pictures/1").status_code == 200


@pytest.mark.skipif(os.getuid() == 0, reason="root writes where nobody else may")
def test_a_folder_that_may_not_be_written_refuses_uploads(sign_in: Callable, parts: Parts, draw: Callable) -> None:
    ana = sign_in("ana")
    parts.store.root.chmod(0o500)
    try:
        assert ana.upload(draw(1)).status_code == 503
    finally:
        parts.store.root.chmod(0o700)
    assert rows() == 0


def test_a_disk_that_is_mounted_read_only_refuses_uploads(small_disk: Path, instance: Path, draw: Callable) -> None:
    with site(instance, small_disk / "pictures") as ana:
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        assert ana.upload(draw(1)).status_code == 503
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
        assert ana.upload(draw(1)).status_code == 200
        assert rows() == 1


def test_where_a_file_is_missing_pages_render_with_a_picture_and_a_sentence_instead(
    app: Flask, sign_in: Callable, parts: Parts, arrive: Callable, draw: Callable
) -> None:
    lost = arrive(draw(1))
    picture = db.session.get_one(Picture, lost)
    kept = {key: parts.store.get(key) for key in (picture.file, picture.thumbnail)}
    mona = sign_in("mona", Role.MODERATOR)
    counted = errors("file missing")
    parts.store.discard(kept, lambda keys: set())
    assert f'id="picture-{lost}"' in mona.get("/review/").text
    page = mona.get(f"/review/pictures/{lost}").text
    assert "Its file is missing from the store." in page
    for path in (f"/pictures/{lost}", f"/pictures/{lost}/thumbnail", f"/pictures/{lost}?level=5"):
        answer = mona.get(path)
        assert (answer.status_code, answer.mimetype) == (404, "image/jpeg")
        assert "no-store" in answer.headers["Cache-Control"]
        assert Image.open(BytesIO(answer.data)).size == (192, 192)
    assert errors("file missing") - counted == 3

    for content in kept.values():
        parts.store.put(content)
    assert mona.get(f"/pictures/{lost}").data == kept[picture.file]
    assert "missing" not in mona.get(f"/review/pictures/{lost}").text
    assert re.search("image/jpeg", mona.get(f"/pictures/{lost}/thumbnail").mimetype)


def test_no_room_for_what_is_sent_is_a_page_and_no_defect(app: Flask, browser: Callable, monkeypatch) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setitem(app.view_functions, "account.sign_in", full)
    answer = browser().get("/sign-in")
    assert (answer.status_code, "There is no room at this moment" in answer.text) == (503, True)
