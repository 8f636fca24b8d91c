"""`moderation backup` and `moderation restore`: a round trip while a real server is at work."""

import re
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask import Flask

from moderation import backup, database, review
from moderation.app import create_app, migrate_back
from moderation.cli import main, upkeep
from moderation.context import parts as current_parts
from moderation.database import db
from moderation.filestore import Folder
from moderation.models import Decision, Entry, Kind, Picture, Role, Status
from tests.conftest import PASSWORD, near_copy, status
from tests.server import Visitor, serving


def moderation(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "moderation", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run(*words: str):
    return CliRunner().invoke(main, words)


def test_a_round_trip_under_load_has_all_that_was_acknowledged_before(app, instance, person, draw, tmp_path):
    members = [f"member{number}" for number in range(4)]
    for name in members:
        person(name)
    person("mona", Role.MODERATOR)
    pictures = {name: [draw(100 * place + one, 160) for one in range(15)] for place, name in enumerate(members)}
    acknowledged: list[tuple[float, str]] = []
    marked: list[tuple[float, int]] = []
    backup, stop = threading.Event(), threading.Event()

    def keep_uploading(name: str, address: str) -> None:
        with Visitor(address) as visitor:
            visitor.sign_in(name)
            for place, picture in enumerate(pictures[name]):
                if place == 5:  # the others are for the time of the backup
                    backup.wait()
                if stop.is_set():
                    break
                answer = visitor.upload(picture)
                assert answer.status == 302, answer.text
                acknowledged.append((time.monotonic(), name))

    def keep_marking(address: str) -> None:
        with Visitor(address) as visitor:
            visitor.sign_in("mona")
            while not stop.is_set():
                for found in re.findall(r'id="picture-(\d+)"', visitor.get("/review/").text)[:1]:
                    answer = visitor.post(f"/review/pictures/{found}/mark", {"seen": "", "listed": found})
                    if answer.status in (200, 302):
                        marked.append((time.monotonic(), int(found)))
                stop.wait(0.1)

    with serving(instance, MODERATION_LEASE_SECONDS="3") as server:
        people = [threading.Thread(target=keep_uploading, args=(name, server.address)) for name in members]
        people.append(threading.Thread(target=keep_marking, args=(server.address,)))
        for one in people:
            one.start()
        try:
            deadline = time.monotonic() + 60
            while len(acknowledged) < 5 * len(members) or len(marked) < 2:
                assert time.monotonic() < deadline, f"{len(acknowledged)} uploads, {len(marked)} marks"
                time.sleep(0.05)
            begun = time.monotonic()
            backup.set()
            said = moderation("backup", str(tmp_path / "site.tar"), "--instance", str(instance))
            during = sum(moment > begun for moment, _ in acknowledged)
        finally:
            stop.set()
            backup.set()
            for one in people:
                one.join()
    assert "missing" not in said
    assert during > 0, "Nothing was uploaded while the backup ran."

    restored = tmp_path / "restored"
    assert "Restored" in moderation("restore", str(tmp_path / "site.tar"), "--instance", str(restored))
    with sqlite3.connect(restored / "moderation.sqlite") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    database.close()

    there = create_app(restored)
    with there.app_context():
        before = sum(moment < begun for moment, _ in acknowledged)
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Picture)) >= before
        marks = {entry.picture_id for entry in db.session.scalars(sa.select(Entry).where(Entry.withdrawn.is_(None)))}
        assert marks >= {picture for moment, picture in marked if moment < begun}
        for picture in db.session.scalars(sa.select(Picture)):
            assert current_parts().store.get(picture.file)
            assert current_parts().store.get(picture.thumbnail)
        stopped = db.session.get_one(Picture, marked[0][1])
        copy = near_copy(current_parts().store.get(stopped.file))
        highest = db.session.scalar(sa.select(sa.func.max(Picture.id)))
        db.session.remove()

    with serving(restored) as server, Visitor(server.address) as visitor:
        visitor.sign_in(members[0])
        assert visitor.upload(copy).status == visitor.upload(draw(77_777)).status == 302
        deadline = time.monotonic() + 60
        while waiting(there):  # what was on its way when the backup was made arrives
            assert time.monotonic() < deadline
            time.sleep(0.1)
    with there.app_context():
        found = db.session.scalars(sa.select(Picture).where(Picture.id > highest).order_by(Picture.id)).all()
        assert [one.status for one in found] == [Status.REFUSED, Status.PUBLISHED]
        db.session.remove()
        db.engine.dispose()


def waiting(app: Flask) -> int:
    with app.app_context():
        pending = sa.select(sa.func.count()).select_from(Picture).filter_by(status=Status.PENDING)
        return db.session.scalar(pending)


@pytest.fixture
def at(instance: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODERATION_INSTANCE", str(instance))
    return instance


def test_a_site_is_overwritten_only_when_that_is_said(app, at, arrive, draw, tmp_path):
    first = arrive(draw(1))
    file = str(tmp_path / "site.tar")
    assert run("backup", file).output == f"{file}: 9 rows, 2 pictures.\n"
    second = arrive(draw(2))
    refused = run("restore", file)
    assert (refused.exit_code, "add --replace" in refused.output) == (2, True)
    assert status(second) is Status.PUBLISHED

    db.session.remove()
    assert "9 rows, 2 pictures." in run("restore", file, "--replace").output
    assert status(first) is Status.PUBLISHED
    assert db.session.get(Picture, second) is None


def test_a_backup_without_all_picture_files_is_written_and_ends_with_1(app, at, arrive, draw, parts, tmp_path):
    arrive(draw(1))
    next(parts.store.root.rglob("*.jpg")).unlink()
    db.session.remove()
    answer = run("backup", str(tmp_path / "site.tar"))
    assert answer.exit_code == 1
    assert answer.stdout == f"{tmp_path / 'site.tar'}: 9 rows, 1 picture.\n"
    assert answer.stderr.startswith("1 picture file is missing from the store, or damaged, and not in it. Which: ")
    assert "Restored" in run("restore", str(tmp_path / "site.tar"), "--replace").stdout


def test_a_backup_of_an_earlier_version_goes_into_an_empty_site_and_is_brought_up_to_date(
    app, at, arrive, draw, tmp_path, monkeypatch
):
    arrive(draw(1))
    db.session.remove()
    migrate_back("0008")
    from moderation import backup, restoring

    file = tmp_path / "old.tar"
    monkeypatch.setattr(backup.audit, "record", lambda *_, **__: None)  # it had no log
    backup.backup(current_parts(), file)
    assert restoring.examine(file).revision == "0008"

    refused = run("restore", str(file), "--replace")
    assert "an empty site only" in refused.output
    fresh = ("--instance", str(tmp_path / "fresh"))
    assert run("restore", str(file), *fresh).exit_code == 0
    assert "member0\tmember" in run("accounts", "list", *fresh).output


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch):
    """`meanwhile(do)`: that is done when a restore has stored the pictures."""

    def when_stored(do) -> None:
        settle, done = Folder.settle, []

        def and_then(self: Folder) -> None:
            settle(self)
            if not done:
                done.append(None)
                do()

        monkeypatch.setattr(Folder, "settle", and_then)

    return when_stored


def test_a_site_that_somebody_begins_while_a_restore_runs_stays(app, at, arrive, draw, tmp_path, meanwhile):
    arrive(draw(1))
    db.session.remove()
    file, fresh = str(tmp_path / "site.tar"), ("--instance", str(tmp_path / "fresh"))
    assert run("backup", file).exit_code == 0
    said = []
    meanwhile(lambda: said.append(run("accounts", "add", "newadmin", "--password", PASSWORD, *fresh).exit_code))
    refused = run("restore", file, *fresh)
    assert said == [0]
    assert refused.exit_code == 2
    assert "There is a site here already. To overwrite it, add --replace. Nothing was changed." in refused.output
    assert run("accounts", "list", *fresh).output.startswith("newadmin\tmember")


def test_a_site_that_begins_while_an_earlier_backup_is_restored_is_not_brought_back_to_its_tables(
    app, at, tmp_path, monkeypatch, meanwhile
):
    migrate_back("0008")
    with monkeypatch.context() as old:
        old.setattr(backup.audit, "record", lambda *_, **__: None)  # it had no log
        backup.backup(current_parts(), tmp_path / "old.tar")
    fresh, before = ("--instance", str(tmp_path / "fresh")), []

    def begin() -> None:
        assert run("accounts", "add", "newadmin", "--password", PASSWORD, *fresh).exit_code == 0
        before.append(run("audit", "verify", *fresh).output)

    meanwhile(begin)
    refused = run("restore", str(tmp_path / "old.tar"), "--replace", *fresh)
    assert refused.exit_code == 2
    assert "an empty site only" in refused.output
    assert [run("audit", "verify", *fresh).output] == before


def test_an_earlier_backup_is_brought_up_to_date_whatever_migrates_while_it_is_restored(
    app, at, arrive, draw, person, tmp_path, meanwhile
):
    picture = arrive(draw(1))
    review.mark(current_parts(), picture, person("mona", Role.MODERATOR), None)
    db.session.remove()
    migrate_back("0018")
    file, fresh = str(tmp_path / "old.tar"), ("--instance", str(tmp_path / "fresh"))
    assert backup.backup(current_parts(), Path(file)).missing == 0
    said = []
    meanwhile(lambda: said.append(run("doctor", *fresh).exit_code))
    assert run("restore", file, *fresh).exit_code == 0
    assert len(said) == 1
    with create_app(tmp_path / "fresh").app_context():
        assert db.session.get_one(Picture, picture).down, "which migration 0019 fills"
        db.session.remove()
        db.engine.dispose()


@pytest.mark.only("sqlite")
def test_a_database_that_is_locked_at_a_restore_is_no_word_against_the_backup(
    app, at, arrive, draw, tmp_path, meanwhile, monkeypatch
):
    arrive(draw(1))
    assert run("backup", str(tmp_path / "site.tar")).exit_code == 0
    db.session.remove()
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(at / "moderation.sqlite", isolation_level=None)) as writer:
        monkeypatch.setattr(upkeep, "migrate_back", lambda _: writer.execute("BEGIN IMMEDIATE"))
        answer = run("restore", str(tmp_path / "site.tar"), "--replace")
    assert answer.exit_code == 2
    assert answer.output == "Error: The database cannot be used: database is locked.\n"


def test_a_file_that_is_no_backup_is_refused_in_one_sentence(app, at, arrive, draw, tmp_path):
    picture = arrive(draw(1))
    (tmp_path / "cat.jpg").write_bytes(draw(3))
    refused = run("restore", str(tmp_path / "cat.jpg"), "--replace")
    assert refused.exit_code == 2
    assert refused.output == f"Error: {tmp_path / 'cat.jpg'} is not a backup of moderation, or it is damaged.\n"
    assert status(picture) is Status.PUBLISHED


def test_a_decision_of_the_command_line_is_kept_as_such(app, at, tmp_path, draw):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "one.jpg").write_bytes(draw(5))
    assert run("blocklist", "import", str(tmp_path / "bad")).exit_code == 0
    assert run("backup", str(tmp_path / "site.tar"), "--no-pictures").exit_code == 0
    db.session.remove()
    assert run("restore", str(tmp_path / "site.tar"), "--replace").exit_code == 0
    decision = db.session.scalars(sa.select(Decision)).one()
    assert (decision.kind, decision.by_id, decision.entries[0].source) == (Kind.IMPORT, None, "one.jpg")
