"""The commands that keep an instance in order."""

import pytest
from click.testing import CliRunner

from moderation import review
from moderation.cli import main
from moderation.database import db
from moderation.models import Role
from moderation.uploads import receive
from tests.test_refingerprinting import make_old


@pytest.fixture
def run(instance, monkeypatch):
    monkeypatch.setenv("MODERATION_INSTANCE", str(instance))

    def invoke(*words: str) -> str:
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output
        return result.stdout

    return invoke


def test_refingerprint_says_what_it_did_and_the_second_time_that_there_is_nothing_to_do(run, parts, person, draw):
    kept, lost = (receive(parts, person(f"m{seed}"), draw(seed)) for seed in (1, 2))
    for path in parts.store.root.rglob(f"{lost.file}*"):
        path.unlink()
    make_old()
    assert kept.file != lost.file
    assert (
        run("refingerprint") == "2 fingerprints are up to date now; 1 without the picture, from what was kept of it.\n"
    )
    assert run("refingerprint") == "All fingerprints are up to date.\n"


def test_purge_says_first_what_it_would_delete_and_then_deletes_it(run, app, parts, person, draw, monkeypatch):
    mona = person("mona", Role.MODERATOR)
    picture = receive(parts, person("ana"), draw(1))
    review.mark(parts, picture.id, mona, None)
    db.session.remove()
    for name in ("APPEAL_DAYS", "QUARANTINE_DAYS"):
        monkeypatch.setenv(f"MODERATION_{name}", "0")
    what = "1 picture that had been refused or taken down, 0 that had been replaced, 0 old checks"
    assert run("purge", "--dry-run") == f"Would be deleted: {what}.\n"
    assert run("purge") == f"Deleted: {what}; 2 files.\n"
    assert "Deleted: 0 pictures" in run("purge")
    monkeypatch.setenv("MODERATION_CHECK_DAYS", "null")
    assert "0 old checks" in run("purge", "--dry-run")


def test_doctor_ends_with_1_where_something_is_left(instance, run, app, parts, person, draw):
    assert run("doctor") == "All is well.\n"
    picture = receive(parts, person("ana"), draw(1))
    parts.store.put(b"belongs to nothing")
    db.session.remove()
    assert run("doctor", "--grace", "0") == "Mended: 1 picture file belonged to nothing.\nAll is well now.\n"
    parts.store.discard([picture.file], lambda keys: set())
    result = CliRunner().invoke(main, ["doctor", "--deep"])
    assert result.exit_code == 1
    said, name = result.stdout.splitlines()
    assert said == "LEFT: 1 picture file is missing, of 1 picture (1). Restore it from a backup:"
    assert name == f"  pictures/{picture.file}.jpg"
    assert result.stderr == "1 thing is left.\n"


def test_doctor_deletes_pictures_for_an_empty_database_only_when_that_is_said(instance, run, app, parts):
    parts.store.put(b"whose database is another")
    result = CliRunner().invoke(main, ["doctor", "--grace", "0"])
    assert result.exit_code == 1
    assert result.stdout.startswith("LEFT: 1 picture file belongs to nothing, 0 to a row: is ")
    assert "All is well" not in result.stdout
    assert run("doctor", "--grace", "0", "--orphans").startswith("Mended: 1 picture file belonged to nothing.")


def test_an_account_is_erased_once_that_is_confirmed(instance, run, app, parts, person, draw):
    receive(parts, person("ana"), draw(1))
    db.session.remove()
    assert CliRunner().invoke(main, ["accounts", "erase", "ana"], input="n\n").exit_code == 1
    assert "ana\tmember" in run("accounts", "list")
    assert run("accounts", "erase", "ana", "--yes") == "ana is erased: 1 picture, 2 files.\n"
    assert "ana" not in run("accounts", "list")
    result = CliRunner().invoke(main, ["accounts", "erase", "ana", "--yes"])
    assert (result.exit_code, result.stderr) == (2, "Error: There is no account named ana.\n")
