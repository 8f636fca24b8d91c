"""The commands for folders, as people and scripts use them."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from PIL import Image

from moderation.cli import common, main

from ..conftest import near_copy


@pytest.fixture(scope="module")
def draw(draw):
    """Each picture is drawn once."""
    return cache(draw)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Commands run in a folder of their own, as does the index photos.sqlite."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words, code=0):
    """Run a command in this process, and expect that exit code."""
    result = CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def objects(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def fill(folder, files):
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def pictures(place, draw):
    """Three pictures, one of them with a near copy, and a text."""
    return fill(
        place / "pictures",
        {
            "one.jpg": draw(1),
            "two.jpg": draw(2),
            "deep/three.png": draw(3, kind="PNG"),
            "deep/one again.jpg": near_copy(draw(1)),
            "notes.txt": b"hello",
        },
    )


@pytest.fixture
def broken(pictures):
    """One among them that is none."""
    return fill(pictures, {"broken.jpg": b"damaged"}) / "broken.jpg"


# --- the article's experiment ----------------------------------------------------------------------------------------


@pytest.fixture
def originals(place, draw, photographs):
    if photographs:
        return photographs[0].parent
    return fill(place / "originals", {f"{number}.jpg": draw(number) for number in range(60)})


def test_every_copy_finds_its_siblings_and_nothing_else(place, originals):
    run("gather", originals, "set", "--seed", 17)
    with (place / "set" / "manifest.csv").open(newline="") as file:
        manifest = {row["copy"]: row["original"] for row in csv.DictReader(file)}
    assert len(manifest) == 51
    assert len(set(manifest.values())) == 17

    assert "Indexed 51 pictures" in run("index", "set").stdout
    for copy, original in manifest.items():
        siblings = {name for name, other in manifest.items() if other == original}
        assert copy in siblings
        assert len(siblings) == 3
        found = objects(run("search", Path("set", copy), "--json"))
        assert {Path(one["path"]).name for one in found} == siblings


def test_the_real_command_gathers_indexes_and_searches(pictures):
    def moderation(*words):
        command = [sys.executable, "-m", "moderation", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    wrote = moderation("gather", "pictures/deep", "set", "--samples", 2, "--copies", 4).stdout
    assert wrote.startswith("Wrote 8 copies of 2 pictures to set (seed ")
    indexed = moderation("index", "set")
    assert (indexed.stdout, indexed.stderr) == ("Indexed 8 pictures: 0 unchanged, 0 gone, 0 unreadable.\n", "")
    copy = next(Path("set").glob("*.jpg"))
    assert moderation("search", copy).stdout.startswith("Found 4 images\n  0  set/")


def test_folders_are_searched_without_loading_the_web():
    script = """
import sys
from moderation.cli import common, main
main(standalone_mode=False)
assert not {"flask", "sqlalchemy"} & set(sys.modules)
"""
    for words in (["index", "."], ["duplicates"]):
        answer = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, timeout=60)
        assert answer.returncode == 0, answer.stderr


# --- gather ----------------------------------------------------------------------------------------------------------


def test_gather_says_what_it_wrote_in_json_too(place, pictures):
    wrote = objects(run("gather", pictures, "set", "--samples", 3, "--copies", 2, "--json"))
    assert len(wrote) == 6
    assert all(Path(one["copy"]).is_file() and Path(one["original"]).is_file() for one in wrote)


def test_gather_refuses_with_a_sentence(place, pictures):
    (place / "full").mkdir()
    (place / "full" / "x").touch()
    (place / "empty").mkdir()
    for words, sentence in (
        ((pictures, "full"), "is not empty"),
        (("pictures", "set"), "17 pictures are wanted, and pictures has 4"),
        (("empty", "set"), "17 pictures are wanted, and empty has 0"),
        (("nowhere", "set"), "There is no folder"),
        ((pictures / "one.jpg", "set"), "There is no folder"),
    ):
        assert sentence in run("gather", *words, code=2).stderr
    assert not (place / "set").exists()


# --- index -----------------------------------------------------------------------------------------------------------


def test_index_lists_what_it_cannot_read_and_goes_on_and_ends_with_2(broken):
    result = run("index", "pictures", code=2)
    assert result.stdout == "Indexed 4 pictures: 0 unchanged, 0 gone, 1 unreadable.\n"
    assert result.stderr.startswith("pictures/broken.jpg: This file is not a picture that we can read.")


def test_index_again_skips_what_has_not_changed(pictures, broken):
    run("index", "pictures", code=2)
    (pictures / "two.jpg").unlink()
    assert "Indexed 0 pictures: 3 unchanged, 1 gone, 1 unreadable." in run("index", "pictures", code=2).stdout
    broken.unlink()
    assert "Indexed 0 pictures: 3 unchanged, 0 gone, 0 unreadable." in run("index", "pictures").stdout


def test_index_in_json_is_an_object_for_each_file_that_was_read(pictures, broken):
    read = {Path(one["path"]).name: one for one in objects(run("index", "pictures", "--json", code=2))}
    assert sorted(read) == ["broken.jpg", "one again.jpg", "one.jpg", "three.png", "two.jpg"]
    assert read["one.jpg"] == {"path": str(pictures / "one.jpg"), "status": "indexed", "error": None}
    assert read["broken.jpg"]["status"] == "unreadable"
    assert read["broken.jpg"]["error"]


def test_index_of_a_folder_without_pictures_or_without_a_folder(place):
    (place / "empty").mkdir()
    assert "Indexed 0 pictures" in run("index", "empty").stdout
    assert "Found 0 images" in run("search", make_picture(place)).stdout
    assert "There is no folder nowhere." in run("index", "nowhere", "--database", "new.sqlite", code=2).stderr
    assert not (place / "new.sqlite").exists()


def make_picture(place):
    Image.effect_noise((100, 100), 90).save(place / "noise.png")
    return place / "noise.png"


def test_index_survives_loops_of_links(pictures):
    (pictures / "loop").symlink_to(pictures)
    (pictures / "self.jpg").symlink_to("self.jpg")
    (pictures / "other.jpg").symlink_to("one.jpg")
    assert "Indexed 4 pictures" in run("index", "pictures").stdout


def test_index_does_not_touch_a_file_that_is_no_index(place, pictures):
    (place / "photos.sqlite").write_bytes(b"something else entirely" * 50)
    before = (place / "photos.sqlite").read_bytes()
    assert "photos.sqlite cannot be used" in run("index", "pictures", code=2).stderr
    assert (place / "photos.sqlite").read_bytes() == before


def test_index_can_be_interrupted_and_taken_up_again(place, draw):
    fill(place / "many", {"0.jpg": draw(1, size=320)})
    for number in range(1, 4000):  # some seconds, of which half of one is waited for
        (place / "many" / f"{number}.jpg").hardlink_to(place / "many" / "0.jpg")
    command = [sys.executable, "-m", "moderation", "index", "many"]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Where the tests themselves run in the background, they and all that they start would be deaf to Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    until = time.monotonic() + 60
    while not (place / "photos.sqlite").exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors.strip()) == (130, "Aborted!")
    rest = run("index", "many").stdout
    assert "0 gone, 0 unreadable." in rest


def test_two_processes_may_index_at_once(place, draw):
    fill(place / "many", {f"{number}.jpg": draw(number, size=64) for number in range(40)})
    command = [sys.executable, "-m", "moderation", "index", "many"]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True, stdout=subprocess.PIPE) for _ in range(2)]
    for process in both:
        assert process.communicate(timeout=60)[1] == ""
        assert process.returncode == 0
    assert "Indexed 0 pictures: 40 unchanged" in run("index", "many").stdout


# --- pages -----------------------------------------------------------------------------------------------------------


def test_search_says_on_which_pages_a_picture_is(place, pictures):
    (place / "pages.csv").write_text(
        "\ufeffimage,page\none.jpg,https://example.org/a\none.jpg,https://example.org/b\nno.jpg,/x\n", encoding="utf-8"
    )
    result = run("index", "pictures", "--pages", "pages.csv")
    assert "Remembered 2 pages." in result.stdout
    assert "pages.csv, line 4: there is no picture no.jpg in the index." in result.stderr

    found = objects(run("search", pictures / "one.jpg", "--json"))
    assert {one["path"]: (one["page"], one["pages"]) for one in found} == {
        str(pictures / "one.jpg"): ("https://example.org/a", ["https://example.org/a", "https://example.org/b"]),
        str(pictures / "deep" / "one again.jpg"): (None, []),
    }
    assert "pictures/one.jpg" in run("search", pictures / "one.jpg").stdout
    assert "https://example.org/a, https://example.org/b" in run("search", pictures / "one.jpg").stdout
    run("index", "pictures")
    assert objects(run("search", pictures / "one.jpg", "--json")) == found


def test_pages_that_are_none_are_refused_before_anything_is_indexed(place, pictures):
    (place / "pages.csv").write_text("image;page\n")
    assert "has no column image" in run("index", "pictures", "--pages", "pages.csv", code=2).stderr
    assert "cannot be read" in run("index", "pictures", "--pages", "no.csv", code=2).stderr
    assert not (place / "photos.sqlite").exists()


# --- search ----------------------------------------------------------------------------------------------------------


def test_search_finds_near_copies_nearest_first(place, pictures, draw):
    run("index", "pictures")
    (place / "asked.webp").write_bytes(near_copy(draw(1), 0.9, 90, "WEBP"))
    lines = run("search", "asked.webp").stdout.splitlines()
    assert lines[0] == "Found 2 images"
    assert {line.split("  ")[-1] for line in lines[1:]} == {"pictures/one.jpg", "pictures/deep/one again.jpg"}
    distances = [one["distance"] for one in objects(run("search", "asked.webp", "--json"))]
    assert distances == sorted(distances)


def test_not_found_is_an_answer(place, pictures, draw):
    run("index", "pictures")
    (place / "other.jpg").write_bytes(draw(30))
    assert run("search", "other.jpg").stdout == "Found 0 images\n"
    assert run("search", "other.jpg", "--json").stdout == ""


def test_within_sets_the_distance_alone(pictures):
    run("index", "pictures")
    asked = pictures / "deep" / "one again.jpg"
    near, far = objects(run("search", asked, "--json"))
    assert near["distance"] == 0
    assert len(objects(run("search", asked, "--json", "--within", far["distance"]))) == 2
    # However far the first hash may be, the second must confirm.
    assert len(objects(run("search", asked, "--json", "--within", 64))) == 2
    run("search", asked, "--within", 65, code=2)


def test_search_refuses_with_a_sentence(place, pictures, broken):
    assert "There is no index photos.sqlite" in run("search", pictures / "one.jpg", code=2).stderr
    run("index", "pictures", code=2)
    assert "pictures/broken.jpg: This file is not" in run("search", "pictures/broken.jpg", code=2).stderr
    assert "There is no such file." in run("search", "nowhere.jpg", code=2).stderr
    assert "This is not a file." in run("search", "pictures", code=2).stderr


def test_the_contact_sheet_shows_query_and_hits(place, pictures):
    run("index", "pictures")
    (pictures / "deep" / "one again.jpg").unlink()  # its cell says so
    run("search", "pictures/one.jpg", "--contact-sheet", "sheet.png")
    with Image.open(place / "sheet.png") as sheet:
        sheet.load()
        assert sheet.format == "PNG"
        three = sheet.size
    run("search", "pictures/two.jpg", "--contact-sheet", "sheet.png")
    with Image.open(place / "sheet.png") as sheet:
        assert sheet.width < three[0]
    assert sorted(path.name for path in place.iterdir()) == ["photos.sqlite", "pictures", "sheet.png"]


def test_the_contact_sheet_never_overwrites_a_picture(place, pictures):
    run("index", "pictures")
    before = (pictures / "deep" / "three.png").read_bytes()
    answer = run("search", "pictures/one.jpg", "--contact-sheet", "pictures/deep/three.png", code=2)
    assert "exists and is not a contact sheet" in answer.stderr
    assert (pictures / "deep" / "three.png").read_bytes() == before
    assert "There is no folder" in run("search", "pictures/one.jpg", "--contact-sheet", "no/s.png", code=2).stderr


# --- progress --------------------------------------------------------------------------------------------------------


def test_a_progress_bar_shows_after_a_second_and_on_a_terminal_alone(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    clock = iter(range(10**6))
    for stderr, bars in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setattr(common, "time", SimpleNamespace(time=lambda: next(clock)))
        with common.progress(1, "At once") as step:
            step()
        with common.progress(5, "Slowly") as step:
            for _ in range(5):
                step()
        assert ("Slowly" in stderr.getvalue()) is bars
        assert "At once" not in stderr.getvalue()
        assert ("100%" in stderr.getvalue()) is bars


# --- names -----------------------------------------------------------------------------------------------------------

HOSTILE = [
    b"-dash.jpg",
    b"new\nline.jpg",
    b"'quo\"ted.jpg",
    "snö 雪 \u202e.jpg".encode(),
    b"\xff\xfe.jpg",
    b"\x1b[2J.jpg",
]


def test_hostile_names_stay_on_one_line_and_come_back_from_json(place, draw):
    folder = place / "pictures"
    folder.mkdir()
    for name in HOSTILE:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(draw(1))
    run("index", "pictures")
    lines = run("search", "--", folder / "-dash.jpg").stdout.splitlines()
    assert len(lines) == 7
    assert all(line.isprintable() for line in lines)
    found = {os.fsencode(Path(one["path"]).name) for one in objects(run("search", folder / "-dash.jpg", "--json"))}
    assert found == set(HOSTILE)
    assert len(objects(run("duplicates", "--json"))[0]["duplicates"]) == 5
    os.chdir(folder)
    assert run("search", "--database", "../photos.sqlite", "--", "-dash.jpg").stdout.startswith("Found 6 images")


# --- duplicates ------------------------------------------------------------------------------------------------------


def test_duplicates_are_grouped_around_the_one_to_keep(pictures):
    run("index", "pictures")
    lines = run("duplicates").stdout.splitlines()
    assert lines[0].startswith("keep pictures/one.jpg  (480x")
    assert "pictures/deep/one again.jpg" in lines[1]
    assert lines[2] == "1 near copy in 1 group"
    (group,) = objects(run("duplicates", "--json"))
    assert group["keep"] == str(pictures / "one.jpg")
    assert [sorted(copy) for copy in group["duplicates"]] == [["distance", "path"]]


def test_a_file_that_is_gone_is_never_the_one_to_keep(place, pictures):
    run("index", "pictures")
    (pictures / "one.jpg").rename(place / "moved.jpg")
    found = run("duplicates")
    assert found.stdout == "0 near copies in 0 groups\n"
    assert found.stderr.startswith("1 picture is not where it was, and left out: please index")
    lines = run("search", "moved.jpg").stdout.splitlines()
    assert [line.endswith("(no longer there)") for line in lines[1:]] == [
        "pictures/one.jpg" in line for line in lines[1:]
    ]
    there = {Path(one["path"]).name: one["there"] for one in objects(run("search", "moved.jpg", "--json"))}
    assert there == {"one.jpg": False, "one again.jpg": True}


def test_a_dry_run_moves_nothing(place, pictures):
    run("index", "pictures")
    before = sorted(place.rglob("*"))
    said = run("duplicates", "--move-to", "away").stdout
    assert "would move pictures/deep/one again.jpg -> away/one again.jpg  (keeps pictures/one.jpg)" in said
    (group,) = objects(run("duplicates", "--move-to", "away", "--json"))
    assert group["duplicates"][0]["to"] == str(place / "away" / "one again.jpg")
    assert group["duplicates"][0]["moved"] is False
    assert sorted(place.rglob("*")) == before


def test_copies_are_moved_and_taken_back(place, pictures):
    run("index", "pictures")
    before = {path: path.read_bytes() for path in pictures.rglob("*") if path.is_file()}
    moved = run("duplicates", "--move-to", "away", "--no-dry-run").stdout
    assert "Moved 1 near copy, left 0 in place." in moved
    assert "moderation duplicates --take-back away/moved.csv" in moved
    assert not (pictures / "deep" / "one again.jpg").exists()
    assert "0 near copies in 0 groups" in run("duplicates").stdout
    assert run("search", "pictures/one.jpg").stdout.startswith("Found 1 images")

    assert "Moved 1 picture back." in run("duplicates", "--take-back", "away/moved.csv").stdout
    assert {path: path.read_bytes() for path in pictures.rglob("*") if path.is_file()} == before
    run("index", "pictures")
    assert "1 near copy in 1 group" in run("duplicates").stdout
    assert "Moved 0 pictures back." in run("duplicates", "--take-back", "away/moved.csv").stdout


@pytest.mark.parametrize("name", ["it's here; $HOME", "-new\nline \\ 'n", "\udcff\x1b[2J", "snö 雪"])
def test_a_command_that_is_printed_can_be_copied_into_a_shell(place, pictures, name):
    run("index", "pictures")
    moved = run("duplicates", "--move-to", Path(name), "--no-dry-run").stdout
    said = moved.partition("To take it back: moderation ")[2]
    shell = subprocess.run(["bash", "-c", f"printf '%s\\0' {said}"], capture_output=True, check=True)
    words = [os.fsdecode(word) for word in shell.stdout.split(b"\0")[:-1]]
    assert "Moved 1 picture back." in run(*words).stdout


def test_what_cannot_be_moved_or_taken_back_is_told_with_exit_code_two(place, pictures):
    run("index", "pictures")
    os.utime(pictures / "one.jpg", (5, 5))
    answer = run("duplicates", "--move-to", "away", "--no-dry-run", code=2)
    assert "pictures/deep/one again.jpg: The one to keep," in answer.stderr
    assert "Moved 0 near copies, left 1 in place." in answer.stdout
    run("index", "pictures")
    (group,) = objects(run("duplicates", "--move-to", "away", "--no-dry-run", "--json"))
    assert group["duplicates"][0]["moved"] is True
    (pictures / "deep" / "one again.jpg").write_bytes(b"somebody else's")
    (told,) = objects(run("duplicates", "--take-back", "away/moved.csv", "--json", code=2))
    assert told["back"] is False
    assert "something at" in told["error"]
    assert (pictures / "deep" / "one again.jpg").read_bytes() == b"somebody else's"


def test_duplicates_refuses_with_a_sentence(place, pictures):
    made = "moderation index FOLDER --database 'here and '\"'\"'there.sqlite'"
    said = f"There is no index here and 'there.sqlite. Make one with: {made}"
    assert said in run("duplicates", "--database", "here and 'there.sqlite", code=2).stderr
    run("index", "pictures")
    assert "--no-dry-run needs --move-to" in run("duplicates", "--no-dry-run", code=2).stderr
    assert "goes alone" in run("duplicates", "--take-back", "x.csv", "--move-to", "y", code=2).stderr
    assert "cannot be read" in run("duplicates", "--take-back", "x.csv", code=2).stderr
    assert "cannot be written" in run("duplicates", "--move-to", "photos.sqlite", "--no-dry-run", code=2).stderr
    assert (pictures / "deep" / "one again.jpg").is_file()


# --- compare ---------------------------------------------------------------------------------------------------------


def test_compare_says_every_distance_and_the_verdict(pictures):
    said = run("compare", "pictures/one.jpg", "pictures/deep/one again.jpg").stdout
    assert "of 64 bits" in said
    assert "of 256 bits" in said
    assert "verdict    refuse" in said
    (told,) = objects(run("compare", "pictures/one.jpg", "pictures/two.jpg", "--json"))
    assert told["verdict"] == "publish"
    assert told["identical"] is False
    assert (told["view"], told["share"]) == (None, None)
    (told,) = objects(run("compare", "pictures/one.jpg", "pictures/one.jpg", "--json"))
    assert (told["dhash"], told["phash"], told["identical"], told["verdict"]) == (0, 0, True, "refuse")
    assert told["view"] == "whole"


def test_compare_knows_pictures_with_little_detail(place):
    for name, colour in (("grey.png", "grey"), ("same.bmp", "grey"), ("white.png", "white")):
        Image.new("RGB", (200, 200), colour).save(place / name)
    assert "verdict    refuse" in run("compare", "grey.png", "same.bmp").stdout
    assert "only identical pictures are blocked" in run("compare", "grey.png", "white.png").stdout


def test_compare_refuses_with_a_sentence(pictures, broken):
    assert "pictures/broken.jpg: This file" in run("compare", "pictures/one.jpg", "pictures/broken.jpg", code=2).stderr
