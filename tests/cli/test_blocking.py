"""The commands for the blocklist, on an instance."""

import json
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from moderation import review, uploads
from moderation.cli import main
from moderation.database import db
from moderation.models import Status

from ..conftest import configure, near_copy, status


@pytest.fixture(scope="module")
def draw(draw):
    """Each picture is drawn once."""
    return cache(draw)


@pytest.fixture
def run(instance, tmp_path, monkeypatch):
    """Run a command on the instance, and expect that exit code."""
    monkeypatch.chdir(tmp_path)

    def invoke(*words, code=0):
        words = ["--instance", instance, *words]
        result = CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result

    return invoke


def objects(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def indecent(tmp_path, draw):
    """Two indecent pictures."""
    folder = tmp_path / "indecent"
    (folder / "deep").mkdir(parents=True)
    (folder / "bad.jpg").write_bytes(draw(1))
    (folder / "deep" / "worse.png").write_bytes(draw(2, kind="PNG"))
    return folder


@pytest.fixture
def uploaded(tmp_path, draw):
    """A near copy of bad.jpg, and two pictures that are fine."""
    folder = tmp_path / "uploaded"
    folder.mkdir()
    (folder / "copy.jpg").write_bytes(near_copy(draw(1)))
    (folder / "fine.jpg").write_bytes(draw(10))
    (folder / "good.png").write_bytes(draw(11, kind="PNG"))
    return folder


# --- import ----------------------------------------------------------------------------------------------------------


def test_an_import_blocks_near_copies(run, indecent, uploaded):
    said = run("blocklist", "import", "indecent").stdout
    assert "Added 2 entries; 0 pictures known already." in said
    assert "Took down 0 pictures on show, and held 0 for a moderator." in said
    verdicts = {Path(one["path"]).name: one for one in objects(run("check", "uploaded", "--json", code=1))}
    assert {name: one["verdict"] for name, one in verdicts.items()} == {
        "copy.jpg": "refuse",
        "fine.jpg": "publish",
        "good.png": "publish",
    }
    copy = verdicts["copy.jpg"]
    assert copy["path"] == str(uploaded / "copy.jpg")
    assert (copy["source"], copy["view"]) == ("bad.jpg", "whole")
    assert copy["dhash"] <= 10
    assert copy["phash"] <= 40
    fine = verdicts["fine.jpg"]
    assert [fine[name] for name in ("entry", "source", "view", "dhash", "phash")] == [None] * 5


def test_a_second_import_adds_nothing(run, indecent):
    run("blocklist", "import", "indecent")
    (indecent / "bad again.png").write_bytes((indecent / "bad.jpg").read_bytes())
    said = run("blocklist", "import", "indecent").stdout
    assert said == "Added 0 entries; 3 pictures known already.\n"
    assert len(objects(run("blocklist", "list", "--json"))) == 2


def test_a_preview_says_what_an_import_would_do_and_changes_nothing(run, indecent, parts, person, draw):
    shown = uploads.receive(parts, person("mia"), near_copy(draw(1))).id
    said = run("blocklist", "import", "indecent", "--preview").stdout
    assert said == (
        "Would add 2 entries; 0 pictures known already.\nWould take down 1 picture on show. Nothing was changed.\n"
    )
    assert objects(run("blocklist", "list", "--json")) == []
    assert status(shown) is Status.PUBLISHED
    run("blocklist", "import", "indecent")
    (told,) = objects(run("blocklist", "import", "indecent", "--preview", "--json"))
    assert [told[name] for name in ("new", "known", "take_down", "known_good")] == [0, 2, 0, 0]


def test_what_was_withdrawn_stays_withdrawn_when_it_is_imported_again(run, indecent):
    run("blocklist", "import", "indecent")
    run("blocklist", "withdraw", 1)
    said = run("blocklist", "import", "indecent").stdout
    assert "Added 0 entries; 1 picture known already." in said
    assert "Known, but withdrawn from the blocklist: 1 picture. What is withdrawn stays so." in said
    statuses = [one["status"] for one in objects(run("blocklist", "import", "indecent", "--json"))]
    assert statuses == ["withdrawn", "known"]


def test_an_import_takes_down_what_is_on_show_and_undo_brings_it_back(run, parts, person, indecent, draw):
    picture = uploads.receive(parts, person("ana"), near_copy(draw(1), 0.9)).id
    assert uploads.get(picture).status is Status.PUBLISHED
    said = run("blocklist", "import", "indecent", "--reason", "Police list").stdout
    assert "Took down 1 picture on show, and held 0 for a moderator." in said
    assert "To take it all back: moderation blocklist undo 1" in said
    db.session.rollback()
    assert uploads.get(picture).status is Status.REMOVED
    (entry, _) = objects(run("blocklist", "list", "--json"))
    assert (entry["reason"], entry["matches"]) == ("Police list", 1)

    assert "Took back decision 1 (import)." in run("blocklist", "undo", 1).stdout
    db.session.rollback()
    assert uploads.get(picture).status is Status.PUBLISHED
    assert "taken this back already" in run("blocklist", "undo", 1, code=2).stderr
    assert "There is no decision 9." in run("blocklist", "undo", 9, code=2).stderr


def test_what_is_printed_to_take_something_back_is_for_the_same_site(instance, indecent, monkeypatch):
    monkeypatch.chdir(instance.parent)

    def invoke(words):
        answer = CliRunner().invoke(main, words, catch_exceptions=False)
        assert answer.exit_code == 0, answer.output
        return shlex.split(answer.stdout.rpartition(": moderation ")[2])

    undo = invoke(["blocklist", "import", "indecent", "--instance", "instance"])
    assert undo == ["blocklist", "undo", "1", "--instance", "instance"]
    invoke(undo)
    invoke(["--instance", str(instance), "blocklist", "import", "indecent"])
    undo = invoke(["--instance", str(instance), "blocklist", "withdraw", "3"])
    assert undo == ["blocklist", "undo", "3", "--instance", str(instance)]
    invoke(undo)
    monkeypatch.setenv("MODERATION_INSTANCE", str(instance))
    assert invoke(["blocklist", "withdraw", "3"]) == ["blocklist", "undo", "4"]


def test_pictures_with_little_detail_are_blocked_by_identical_pixels_alone(run, tmp_path):
    (tmp_path / "walls").mkdir()
    Image.new("RGB", (300, 200), "grey").save(tmp_path / "walls" / "grey.png")
    said = run("blocklist", "import", "walls").stdout
    assert "Too little detail: 1 picture, of which identical copies alone are blocked." in said
    Image.new("RGB", (300, 200), "grey").save(tmp_path / "same.bmp")
    Image.new("RGB", (301, 200), "grey").save(tmp_path / "larger.bmp")
    same, larger = objects(run("check", "same.bmp", "larger.bmp", "--json", code=1))
    assert (same["verdict"], same["source"]) == ("refuse", "grey.png")
    assert larger["verdict"] == "publish"
    assert "entry 1 (grey.png), identical" in run("check", "same.bmp", code=1).stdout


def test_an_import_goes_on_past_what_it_cannot_read_and_says_so(run, indecent):
    (indecent / "broken.jpg").write_bytes(b"damaged")
    answer = run("blocklist", "import", "indecent", code=2)
    assert "Added 2 entries" in answer.stdout
    assert "indecent/broken.jpg: This file is not a picture" in answer.stderr
    told = objects(run("blocklist", "import", "indecent", "--json", code=2))
    assert [one["status"] for one in told] == ["known", "known", "unreadable"]


def test_an_import_in_json_is_an_object_for_each_file(run, indecent):
    told = objects(run("blocklist", "import", "indecent", "--json"))
    assert [(Path(one["path"]).name, one["status"], one["entry"], one["weak"]) for one in told] == [
        ("bad.jpg", "added", 1, False),
        ("worse.png", "added", 2, False),
    ]


def test_an_import_that_cannot_be_is_refused_with_a_sentence(run, indecent, tmp_path):
    assert "There is no such file." in run("blocklist", "import", "nowhere", code=2).stderr
    long = run("blocklist", "import", "indecent", "--reason", "x" * 201, code=2).stderr
    assert "A reason has at most 200 characters; this one has 201." in long
    (tmp_path / "empty").mkdir()
    assert "Added 0 entries" in run("blocklist", "import", "empty").stdout
    assert run("blocklist", "list").stdout == "The blocklist is empty.\n"


# --- list, withdraw --------------------------------------------------------------------------------------------------


def test_what_an_entry_kept_down_on_its_way_back_is_one_match(run, parts, person, indecent, draw):
    picture, ben = uploads.receive(parts, person("ana"), near_copy(draw(1), 0.9)).id, person("ben")
    mark = review.mark(parts, picture, ben, None)
    run("blocklist", "import", "indecent")
    review.undo(parts, mark.id, ben)
    assert status(picture) is Status.REMOVED
    assert [entry["matches"] for entry in objects(run("blocklist", "list", "--json"))][1:] == [1, 0]


def test_the_list_says_where_entries_came_from_and_what_they_did(run, parts, person, indecent, draw):
    run("blocklist", "import", "indecent", "--reason", "Bad\n\x1bnews")
    ana, ben = person("ana"), person("ben")
    uploads.receive(parts, ana, near_copy(draw(1)))
    marked = uploads.receive(parts, ana, draw(20)).id
    review.mark(parts, marked, ben, None, "Worse")
    run("blocklist", "withdraw", 2)

    first, second, third = objects(run("blocklist", "list", "--json"))
    assert (first["id"], first["state"], first["source"], first["picture"]) == (1, "blocks", "bad.jpg", None)
    assert (first["by"], first["reason"], first["matches"]) == ("the command line", "Bad \x1bnews", 1)
    assert (second["state"], second["matches"]) == ("withdrawn", 0)
    assert (third["source"], third["picture"], third["by"], third["reason"]) == (None, marked, "ben", "Worse")
    assert third["created"].endswith("+00:00")
    lines = run("blocklist", "list").stdout.splitlines()
    assert len(lines) == 4
    assert lines[0].split() == ["id", "state", "matches", "added", "by", "picture", "reason"]
    assert "bad.jpg" in lines[1]
    assert lines[1].endswith("Bad \\x1bnews")
    assert f"picture {marked}" in lines[3]


def test_a_picture_that_was_marked_has_no_source(run, parts, person, tmp_path, draw):
    ana = person("ana")
    review.mark(parts, uploads.receive(parts, ana, draw(20)).id, ana, None)
    (tmp_path / "a.jpg").write_bytes(draw(20))
    (told,) = objects(run("check", "a.jpg", "--json", code=1))
    assert (told["verdict"], told["entry"], told["source"]) == ("refuse", 1, None)
    assert re.search("  entry 1, whole view, dHash [01], pHash ", run("check", "a.jpg", code=1).stdout)


def test_what_is_withdrawn_blocks_no_more_and_undo_brings_it_back(run, indecent, uploaded):
    run("blocklist", "import", "indecent")
    said = run("blocklist", "withdraw", 1, "--reason", "Wrong folder").stdout
    assert "Entry 1 blocks no more." in said
    assert "moderation blocklist undo 2" in said
    run("check", "uploaded")
    assert "is withdrawn already" in run("blocklist", "withdraw", 1, code=2).stderr
    assert "There is no blocklist entry 7." in run("blocklist", "withdraw", 7, code=2).stderr
    run("blocklist", "withdraw", 10**30, code=2)
    run("blocklist", "withdraw", "one", code=2)
    assert "Took back decision 2 (withdraw)." in run("blocklist", "undo", 2).stdout
    run("check", "uploaded", code=1)


# --- check -----------------------------------------------------------------------------------------------------------


def test_check_is_a_line_for_each_picture(run, indecent, uploaded):
    run("blocklist", "import", "indecent")
    answer = run("check", "uploaded", "indecent/bad.jpg", code=1)
    lines = answer.stdout.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("refuse   uploaded/copy.jpg  entry 1 (bad.jpg), whole view, dHash ")
    assert lines[1] == "publish  uploaded/fine.jpg"
    assert "Checked 4 pictures: 2 publish, 0 hold, 2 refuse. Unreadable: 0." in answer.stderr


def test_exit_codes_of_check(run, indecent, uploaded, tmp_path):
    run("blocklist", "import", "indecent")
    run("check", uploaded / "fine.jpg", code=0)
    run("check", uploaded / "fine.jpg", uploaded / "copy.jpg", code=1)
    (uploaded / "broken.jpg").write_bytes(b"damaged")
    answer = run("check", "uploaded", code=2)
    assert len(answer.stdout.splitlines()) == 3
    assert "uploaded/broken.jpg: This file is not a picture" in answer.stderr
    run("check", "nowhere.jpg", code=2)
    run("check", code=2)
    (tmp_path / "empty").mkdir()
    assert run("check", "empty").stdout == ""


def test_what_cannot_be_checked_is_an_object_too(run, uploaded):
    (uploaded / "broken.jpg").write_bytes(b"damaged")
    told = objects(run("check", "uploaded", "nowhere.jpg", "--json", code=2))
    assert len(told) == 5
    failed = [one for one in told if one["verdict"] is None]
    assert [Path(one["path"]).name for one in failed] == ["broken.jpg", "nowhere.jpg"]
    assert all(one["error"] for one in failed)


def test_check_keeps_to_the_limits_of_the_instance(run, instance, tmp_path):
    configure(instance, "MAX_MEGAPIXELS = 0.05\nMAX_UPLOAD_MB = 1")
    Image.new("RGB", (300, 200)).save(tmp_path / "large.png")
    (tmp_path / "long.jpg").write_bytes(bytes(1_000_001))
    errors = [one["error"] for one in objects(run("check", "large.png", "long.jpg", "--json", code=2))]
    assert "0.05 megapixels" in errors[0]
    assert "1 MB" in errors[1]


def test_hostile_names_are_imported_checked_and_listed(run, tmp_path, draw):
    folder = tmp_path / "pictures"
    folder.mkdir()
    names = [b"-dash.jpg", b"new\nline.jpg", b"'quo\"ted.jpg", "snö 雪.jpg".encode(), b"\xff\xfe.jpg", b"\x1b[2J.jpg"]
    for number, name in enumerate(names):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(draw(number))
    assert "Added 6 entries" in run("blocklist", "import", "pictures").stdout
    assert len(run("blocklist", "list").stdout.splitlines()) == 7
    lines = run("check", "pictures", code=1).stdout.splitlines()
    assert len(lines) == 6
    assert all(line.isprintable() for line in lines)
    found = {os.fsencode(Path(one["path"]).name) for one in objects(run("check", "pictures", "--json", code=1))}
    assert found == set(names)
    os.chdir(folder)
    assert len(run("check", "--", "-dash.jpg", code=1).stdout.splitlines()) == 1


def test_the_real_command_checks_over_all_cores(instance, tmp_path, draw, indecent):
    folder = tmp_path / "many"
    folder.mkdir()
    drawn = [draw(seed) for seed in range(12)]
    for number in range(240):
        (folder / f"{number:03}.jpg").write_bytes(drawn[number % 12])

    def moderation(*words):
        command = [sys.executable, "-m", "moderation", *words, "--instance", str(instance)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert moderation("blocklist", "import", str(indecent)).returncode == 0
    answer = moderation("check", str(folder), "--json")
    assert (answer.returncode, answer.stderr) == (1, "")
    told = [json.loads(line) for line in answer.stdout.splitlines()]
    assert [Path(one["path"]).name for one in told] == [f"{number:03}.jpg" for number in range(240)]
    refused = {number % 12 for number, one in enumerate(told) if one["verdict"] == "refuse"}
    assert refused == {1, 2}
