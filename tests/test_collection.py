"""Collections: what the index knows of a folder, near copies grouped, moved away and brought back."""

import csv
import os
import shutil
import sqlite3
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moderation import collection as collection_module
from moderation import duplicates, pages
from moderation.collection import Collection
from moderation.duplicates import carry_out, groups, plan_moves, take_back
from moderation.errors import Refusal
from moderation.fingerprint import Fingerprint, fingerprint_bytes
from moderation.folders import PictureFile, Unread
from moderation.gathering import Wanted, gather
from moderation.views import VIEW

from .conftest import near_copy


@pytest.fixture(scope="module")
def draw(draw):
    """Each picture is drawn once."""
    return cache(draw)


@pytest.fixture
def folder(tmp_path, draw):
    """Three pictures in a tree."""
    place = tmp_path / "pictures"
    (place / "deep" / "er").mkdir(parents=True)
    for number, name in enumerate(("a.jpg", "deep/b.jpg", "deep/er/c.jpg")):
        (place / name).write_bytes(draw(number))
    return place


@pytest.fixture
def database(tmp_path):
    return tmp_path / "photos.sqlite"


def bring_up_to_date(database, folder):
    """Index, and return what was read."""
    readings = []
    with Collection(database, create=True) as collection:
        collection.update(collection.plan(folder), readings.append)
    return readings


def known(database):
    with Collection(database) as collection:
        return collection.pictures()


def touch(path, mtime):
    os.utime(path, (mtime, mtime))


# --- the index -------------------------------------------------------------------------------------------------------


def test_an_index_knows_what_a_picture_was_when_it_was_read(folder, database):
    bring_up_to_date(database, folder)
    pictures = known(database)
    assert [one.path for one in pictures] == [folder / name for name in ("a.jpg", "deep/b.jpg", "deep/er/c.jpg")]
    first = pictures[0]
    expected, size = fingerprint_bytes((folder / "a.jpg").read_bytes())
    assert (first.fingerprint.views == expected.views).all()
    assert first.fingerprint.detail == expected.detail
    assert (first.width, first.height) == size
    assert (first.size, first.mtime) == ((folder / "a.jpg").stat().st_size, (folder / "a.jpg").stat().st_mtime_ns)


def test_only_what_has_changed_is_read_again(folder, database, draw):
    assert len(bring_up_to_date(database, folder)) == 3
    assert bring_up_to_date(database, folder) == []
    (folder / "a.jpg").write_bytes(draw(7))
    touch(folder / "deep" / "b.jpg", 1_000_000_000)
    (folder / "new.jpg").write_bytes(draw(8))
    read = {reading.path.name for reading in bring_up_to_date(database, folder)}
    assert read == {"a.jpg", "b.jpg", "new.jpg"}
    assert len(known(database)) == 4


def test_what_is_gone_is_forgotten_below_the_folder_alone(folder, database, tmp_path, draw):
    other = tmp_path / "pictures2"
    other.mkdir()
    (other / "x.jpg").write_bytes(draw(9))
    bring_up_to_date(database, folder)
    bring_up_to_date(database, other)
    shutil.rmtree(folder / "deep")
    (other / "x.jpg").unlink()
    bring_up_to_date(database, folder)
    assert [one.path for one in known(database)] == [folder / "a.jpg", other / "x.jpg"]


def test_what_lies_in_a_folder_that_cannot_be_looked_into_is_not_forgotten(folder, database, monkeypatch):
    bring_up_to_date(database, folder)
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with Collection(database) as collection:
        plan = collection.plan(folder)
    assert plan.gone == []
    assert [one.path for one in plan.unlisted] == [folder / "deep"]


def test_a_picture_that_was_damaged_since_is_known_no_more(folder, database):
    bring_up_to_date(database, folder)
    (folder / "a.jpg").write_bytes(b"damaged")
    (reading,) = bring_up_to_date(database, folder)
    assert isinstance(reading, Unread)
    assert len(known(database)) == 2
    # It is tried again each time: it may have been mended.
    assert len(bring_up_to_date(database, folder)) == 1


def test_fingerprints_of_another_recipe_are_made_anew_and_not_compared_before(folder, database):
    bring_up_to_date(database, folder)
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE pictures SET recipe = 0 WHERE CAST(path AS TEXT) LIKE '%a.jpg'")
    connection.close()
    with Collection(database) as collection:
        assert collection.outdated() == 1
        assert len(collection.pictures()) == 2
    assert [reading.path.name for reading in bring_up_to_date(database, folder)] == ["a.jpg"]
    assert len(known(database)) == 3


def test_what_was_read_a_while_ago_is_kept_whatever_happens_next(folder, database, monkeypatch):
    monkeypatch.setattr(collection_module, "KEPT_AFTER", 0)
    kept = []
    with Collection(database, create=True) as collection:
        collection.update(collection.plan(folder), lambda _reading: kept.append(len(known(database))))
    assert kept == [1, 2, 3]


def test_an_index_that_is_interrupted_keeps_what_was_read(folder, database, draw):
    for number in range(4, 9):
        (folder / f"{number}.jpg").write_bytes(draw(number, size=64))
    seen = []

    def interrupt(reading):
        seen.append(reading)
        if len(seen) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Collection(database, create=True) as collection:
        collection.update(collection.plan(folder), interrupt)
    assert len(known(database)) == 5
    assert len(bring_up_to_date(database, folder)) == 3


def test_names_that_are_no_text_are_indexed(database, tmp_path, draw):
    place = tmp_path / "pictures"
    place.mkdir()
    names = [b"\xff\xfe.jpg", b"new\nline.jpg", "snö 雪.jpg".encode(), b"'quoted\".jpg", b"-dash.jpg", b"%_.jpg"]
    for name in names:
        Path(os.fsdecode(os.fsencode(place) + b"/" + name)).write_bytes(draw(1, size=64))
    bring_up_to_date(database, place)
    assert {os.fsencode(one.path.name) for one in known(database)} == set(names)
    assert bring_up_to_date(database, place) == []


def test_a_folder_whose_name_begins_like_another_is_another(tmp_path, database, draw):
    for name in ("p", "p0", "p/q", "p-"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").write_bytes(draw(1, size=64))
        bring_up_to_date(database, tmp_path / name)
    shutil.rmtree(tmp_path / "p")
    (tmp_path / "p").mkdir()
    bring_up_to_date(database, tmp_path / "p")
    assert [one.path.parent.name for one in known(database)] == ["p-", "p0"]


def test_a_file_that_is_no_index_is_refused_and_left_alone(tmp_path):
    (tmp_path / "text").write_text("hello, this is no database at all" * 100)
    connection = sqlite3.connect(tmp_path / "theirs")
    connection.execute("CREATE TABLE pictures (mine)")
    connection.commit()
    connection.close()
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for path in before:
        for create in (True, False):
            with pytest.raises(Refusal, match=r"is not an index of pictures|cannot be used"):
                Collection(path, create)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_index_that_is_missing_or_cannot_be_made_has_a_sentence(tmp_path):
    with pytest.raises(Refusal, match="There is no index"):
        Collection(tmp_path / "missing")
    with pytest.raises(Refusal, match="There is no index"):
        Collection(tmp_path)
    with pytest.raises(Refusal, match="cannot be used"):
        Collection(tmp_path / "no" / "folder.sqlite", create=True)


def test_an_index_of_a_later_program_is_refused(database, folder):
    bring_up_to_date(database, folder)
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(Refusal, match="another version"):
        Collection(database)


def test_a_near_copy_is_found_and_another_picture_is_not(folder, database, draw):
    bring_up_to_date(database, folder)
    with Collection(database) as collection:
        asked, _ = fingerprint_bytes(near_copy(draw(1)))
        ((hit, picture),) = collection.search(asked)
        assert (picture.path.name, hit.identical) == ("b.jpg", False)
        asked, _ = fingerprint_bytes(draw(50))
        assert collection.search(asked) == []


def test_pictures_with_little_detail_are_copies_only_if_they_are_identical(tmp_path, database):
    place = tmp_path / "pictures"
    place.mkdir()
    for name, colour in (("grey.png", "grey"), ("same.bmp", "grey"), ("white.png", "white"), ("black.png", "black")):
        Image.new("RGB", (200, 200), colour).save(place / name)
    bring_up_to_date(database, place)
    (group,) = groups(known(database))
    assert {group.keep.path.name, group.copies[0].picture.path.name} == {"grey.png", "same.bmp"}


# --- pages -----------------------------------------------------------------------------------------------------------


def write_pages(path, *rows, encoding="utf-8"):
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_a_row_of_pages_may_name_its_picture_in_four_ways(folder, tmp_path):
    paths = [folder / "a.jpg", folder / "deep" / "b.jpg", folder / "deep" / "er" / "c.jpg"]
    table = write_pages(
        tmp_path / "pages.csv",
        ["page", "note", "image"],
        ["1", "", str(paths[0])],
        ["2", "", "deep/b.jpg"],
        ["3", "", "pictures/deep/er/c.jpg"],
        ["4", "", "c.jpg"],
        ["5", "", "deep/../a.jpg"],
        encoding="utf-8-sig",
    )
    found, sentences = pages.resolve(pages.read(table), table, folder, paths)
    assert found == [(paths[0], "1"), (paths[1], "2"), (paths[2], "3"), (paths[2], "4"), (paths[0], "5")]
    assert sentences == []


def test_a_row_of_pages_that_means_no_picture_or_several_has_a_sentence(folder, tmp_path):
    paths = [folder / "a.jpg", folder / "deep" / "a.jpg", folder / "deep" / "b.jpg"]
    table = write_pages(
        tmp_path / "p.csv", ["image", "page"], ["no.jpg", "1"], ["deep/c.jpg", "2"], ["b.jpg"], ["", "4"]
    )
    found, sentences = pages.resolve(pages.read(table), table, folder, paths)
    assert found == []
    assert [sentence.partition("p.csv, ")[2] for sentence in sentences] == [
        "line 2: there is no picture no.jpg in the index.",
        "line 3: there is no picture deep/c.jpg in the index.",
        "line 4: the image or the page is missing.",
        "line 5: the image or the page is missing.",
    ]
    rows = [pages.Row(1, "a.jpg", "1")]
    assert pages.resolve(rows, table, folder / "deep", paths)[0] == [(folder / "deep" / "a.jpg", "1")]
    elsewhere = [folder / "x" / "a.jpg", folder / "y" / "a.jpg"]
    assert "2 pictures are called a.jpg" in pages.resolve(rows, table, folder, elsewhere)[1][0]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "has no column image and no column page"),
        (b"image;page\n", "has no column image and no column page"),
        (b"image,Seite\na,b\n", "has no column page"),
        (b"image,page\n\xff\xfe,1\n", "is not UTF-8 text"),
        (b"image,page\n" + b'"' + b"x" * 200_000, "is not a CSV file"),
    ],
)
def test_a_table_of_pages_that_is_none_has_a_sentence(tmp_path, content, sentence):
    (tmp_path / "p.csv").write_bytes(content)
    with pytest.raises(Refusal, match=sentence):
        pages.read(tmp_path / "p.csv")


def test_a_table_of_pages_that_is_missing_has_a_sentence(tmp_path):
    with pytest.raises(Refusal, match="cannot be read"):
        pages.read(tmp_path / "p.csv")


def test_pages_are_remembered_in_their_order_and_outlive_the_picture(folder, database):
    bring_up_to_date(database, folder)
    a, b = folder / "a.jpg", folder / "deep" / "b.jpg"
    with Collection(database) as collection:
        collection.remember([(a, "z"), (b, "1"), (a, "y"), (a, "z")])
        assert collection.pages(a) == ["z", "y"]
        collection.remember([(a, "x")])
        assert (collection.pages(a), collection.pages(b)) == (["x"], ["1"])
    away = a.rename(folder.parent / "away.jpg")
    bring_up_to_date(database, folder)
    away.rename(a)
    bring_up_to_date(database, folder)
    with Collection(database) as collection:
        assert collection.pages(a) == ["x"]


# --- near copies -----------------------------------------------------------------------------------------------------


def picture(name, dhash, width=100, mtime=0, phash=0):
    """A picture that was never drawn: only its fingerprint is of interest."""
    views = np.array([(0, (0, 0, 255, 255), dhash, (phash, 0, 0, 0))], VIEW)
    return PictureFile(Path("/nowhere") / name, 1, mtime, width, 100, Fingerprint(views, 100, None, None))


def names(found):
    return [(group.keep.path.name, [copy.picture.path.name for copy in group.copies]) for group in found]


def test_near_copies_never_chain():
    a, b, c = picture("a", 0b0, 300), picture("b", (1 << 8) - 1, 200), picture("c", (1 << 16) - 1, 100)
    assert names(groups([c, b, a], within=8)) == [("a", ["b"])]
    assert names(groups([picture("a", 0, 100), b, picture("c", (1 << 16) - 1, 50)], within=8)) == [("b", ["a", "c"])]


def test_the_largest_is_kept_then_the_oldest_then_the_first_by_name():
    assert names(groups([picture("small", 0, 100), picture("large", 0, 200)])) == [("large", ["small"])]
    assert names(groups([picture("new", 0, mtime=2), picture("old", 0, mtime=1)])) == [("old", ["new"])]
    assert names(groups([picture("b", 0), picture("a", 0)])) == [("a", ["b"])]


def test_the_second_hash_confirms_whatever_the_distance():
    a, b = picture("a", 0), picture("b", 0, phash=(1 << 41) - 1)
    assert names(groups([a, b], within=64)) == []
    assert names(groups([a, picture("b", 0, phash=(1 << 40) - 1)], within=0)) == [("a", ["b"])]


def test_a_picture_that_was_taken_is_nobody_elses_copy():
    a, b, c = picture("a", 0, 300), picture("b", 0b111, 200), picture("c", 0b1111, 100)
    assert names(groups([a, b, c], within=3)) == [("a", ["b"])]
    assert names(groups([a, b, c], within=4)) == [("a", ["b", "c"])]


@pytest.fixture
def copies_in(folder, draw):
    """The tree with a near copy of a.jpg and two of c.jpg."""
    (folder / "deep" / "a small.jpg").write_bytes(near_copy(draw(0)))
    (folder / "c.jpg").write_bytes(near_copy(draw(2)))
    (folder / "deep" / "c.jpg").write_bytes(near_copy(draw(2), scale=0.5))
    return folder


def everything(folder):
    """Every file below a folder, with its bytes and mtime."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def move_copies(database, folder, away):
    """Index and move, and return what was told: the copy's name and the sentence."""
    bring_up_to_date(database, folder)
    told = []
    steps = plan_moves(list(groups(known(database))), away)
    carry_out(steps, away, lambda step, error: told.append((step.copy.path.name, error)))
    return told


def bring_back(away):
    told = []
    take_back(away / "moved.csv", lambda origin, _target, error: told.append((origin.name, error)))
    return told


def test_copies_are_moved_with_their_folders_and_brought_back_byte_for_byte(copies_in, database, tmp_path):
    before = everything(copies_in)
    away = tmp_path / "away"
    told = move_copies(database, copies_in, away)
    assert sorted(told) == [("a small.jpg", None), ("c.jpg", None), ("c.jpg", None)]
    assert sorted(everything(copies_in)) == ["a.jpg", "deep/b.jpg", "deep/er/c.jpg"]
    assert sorted(everything(away)) == ["c.jpg", "deep/a small.jpg", "deep/c.jpg", "moved.csv"]
    with (away / "moved.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {Path(row["to"]) for row in rows} == {away / name for name in everything(away)} - {away / "moved.csv"}

    assert sorted(bring_back(away)) == sorted(told)
    assert everything(copies_in) == before
    assert sorted(everything(away)) == ["moved.csv"]
    assert bring_back(away) == []


def test_copies_go_to_another_disk_and_come_back_too(copies_in, database, tmp_path, monkeypatch):
    def other_disk(*_):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", other_disk)
    before = everything(copies_in)
    assert len(move_copies(database, copies_in, tmp_path / "away")) == 3
    assert len(everything(copies_in)) == 3
    bring_back(tmp_path / "away")
    assert everything(copies_in) == before


def test_a_disk_that_is_full_leaves_everything_where_it_is(copies_in, database, tmp_path, monkeypatch):
    def other_disk(*_):
        raise OSError(18, "Invalid cross-device link")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "hardlink_to", other_disk)
    monkeypatch.setattr(shutil, "copyfileobj", full)
    before = everything(copies_in)
    told = move_copies(database, copies_in, tmp_path / "away")
    assert {error for _, error in told} == {"It cannot be moved: No space left on device."}
    assert everything(copies_in) == before
    assert sorted(everything(tmp_path / "away")) == ["moved.csv"]
    assert bring_back(tmp_path / "away") == []


def test_nothing_is_overwritten_on_the_way_or_back(copies_in, database, tmp_path):
    away = tmp_path / "away"
    away.mkdir()
    (away / "c.jpg").write_bytes(b"somebody else's")
    move_copies(database, copies_in, away)
    assert (away / "c.jpg").read_bytes() == b"somebody else's"
    assert (away / "c-2.jpg").is_file()

    (copies_in / "c.jpg").write_bytes(b"new")
    told = dict(bring_back(away))
    assert told.pop("a small.jpg") is None
    assert (copies_in / "c.jpg").read_bytes() == b"new"
    assert (away / "c-2.jpg").is_file()


def test_a_name_that_is_taken_between_plan_and_move_is_not_overwritten(copies_in, database, tmp_path):
    bring_up_to_date(database, copies_in)
    away = tmp_path / "away"
    steps = plan_moves(list(groups(known(database))), away)
    away.mkdir()
    (away / "c.jpg").write_bytes(b"somebody else's")
    told = {}
    carry_out(steps, away, lambda step, error: told.update({step.target: error}))
    assert told[away / "c.jpg"] == f"There is something at {away / 'c.jpg'} already."
    assert (away / "c.jpg").read_bytes() == b"somebody else's"
    assert (copies_in / "c.jpg").is_file()


def test_what_has_changed_since_it_was_indexed_stays(copies_in, database, tmp_path, draw):
    bring_up_to_date(database, copies_in)
    found = list(groups(known(database)))
    a = copies_in / "a.jpg"
    a.write_bytes(draw(40))  # the one to keep is another picture now
    (copies_in / "c.jpg").unlink()
    touch(copies_in / "deep" / "c.jpg", 5)
    told = {}
    steps = plan_moves(found, tmp_path / "away")
    carry_out(steps, tmp_path / "away", lambda step, error: told.update({step.copy.path: error}))
    assert told == {
        copies_in
        / "deep"
        / "a small.jpg": f"The one to keep, {copies_in / 'a.jpg'}, has changed since it was indexed.",
        copies_in / "c.jpg": "It is not there any more.",
        copies_in / "deep" / "c.jpg": "It has changed since it was indexed.",
    }
    assert sorted(everything(tmp_path / "away")) == ["moved.csv"]


def test_a_file_that_became_a_link_stays(copies_in, database, tmp_path):
    bring_up_to_date(database, copies_in)
    found = list(groups(known(database)))
    copy = copies_in / "deep" / "a small.jpg"
    copy.rename(tmp_path / "real.jpg")
    copy.symlink_to(tmp_path / "real.jpg")
    told = {}
    steps = plan_moves(found, tmp_path / "away")
    carry_out(steps, tmp_path / "away", lambda step, error: told.update({step.copy.path: error}))
    assert told[copy] == "It has changed since it was indexed."
    assert (tmp_path / "real.jpg").is_file()


def test_a_file_is_no_copy_of_itself_though_two_ways_lead_to_it(folder, database, tmp_path):
    (tmp_path / "way").symlink_to(folder)
    bring_up_to_date(database, folder)
    bring_up_to_date(database, tmp_path / "way")
    assert len(known(database)) == 6
    assert names(groups(known(database))) == []


def test_a_folder_that_became_a_link_to_the_one_to_keep_is_not_moved(tmp_path, database, draw):
    place = tmp_path / "pictures"
    for name in ("one", "two"):
        (place / name).mkdir(parents=True)
        (place / name / "a.jpg").write_bytes(draw(1))
        touch(place / name / "a.jpg", 5)
    bring_up_to_date(database, place)
    steps = plan_moves(list(groups(known(database))), tmp_path / "away")
    shutil.rmtree(steps[0].copy.path.parent)
    steps[0].copy.path.parent.symlink_to(steps[0].keep.path.parent)
    told = []
    carry_out(steps, tmp_path / "away", lambda _step, error: told.append(error))
    assert told == ["It is the very file to keep, by another way."]
    assert steps[0].keep.path.is_file()


def test_hostile_names_are_moved_and_brought_back(database, tmp_path, draw):
    place = tmp_path / "pictures"
    place.mkdir()
    (place / "keep.jpg").write_bytes(draw(1, size=600))
    for name in (b"\xff\xfe.jpg", b"new\nline\r.jpg", "snö, 雪.jpg".encode(), b'\'quo"ted".jpg', b"-dash.jpg"):
        Path(os.fsdecode(os.fsencode(place) + b"/" + name)).write_bytes(near_copy(draw(1)))
    before = everything(place)
    assert [error for _, error in move_copies(database, place, tmp_path / "away")] == [None] * 5
    assert list(everything(place)) == ["keep.jpg"]
    assert len(bring_back(tmp_path / "away")) == 5
    assert everything(place) == before


def test_a_second_move_adds_to_the_list_and_a_cut_off_line_harms_nothing(copies_in, database, tmp_path, draw):
    before = everything(copies_in)
    away = tmp_path / "away"
    move_copies(database, copies_in, away)
    with (away / "moved.csv").open("ab") as file:
        file.write(b"/cut/off/whi")
    (copies_in / "another.jpg").write_bytes(near_copy(draw(1)))
    assert move_copies(database, copies_in, away) == [("another.jpg", None)]
    assert len(bring_back(away)) == 4
    assert everything(copies_in) == before | {"another.jpg": everything(copies_in)["another.jpg"]}


def test_a_list_that_is_none_is_refused_and_left_alone(copies_in, database, tmp_path):
    away = tmp_path / "away"
    away.mkdir()
    for content in (b"", b"hello", b"a,b\n1,2\n", bytes(range(256))):
        (away / "moved.csv").write_bytes(content)
        with pytest.raises(Refusal, match="is not a list of moved pictures"):
            move_copies(database, copies_in, away)
        with pytest.raises(Refusal, match="is not a list of moved pictures"):
            bring_back(away)
        assert (away / "moved.csv").read_bytes() == content
    assert len(everything(copies_in)) == 6
    with pytest.raises(Refusal, match="cannot be read"):
        bring_back(tmp_path / "nowhere")


def test_what_was_moved_away_is_not_compared_again(copies_in, database):
    away = copies_in / "away"
    move_copies(database, copies_in, away)
    bring_up_to_date(database, copies_in)
    assert len(known(database)) == 6
    assert list(groups(duplicates.outside(known(database), away))) == []


# --- a test set ------------------------------------------------------------------------------------------------------


def test_a_test_set_is_the_same_for_the_same_seed(folder, tmp_path):
    first = gather(folder, tmp_path / "one", Wanted(2, 3), seed=5)
    second = gather(folder, tmp_path / "two", Wanted(2, 3), seed=5)
    other = gather(folder, tmp_path / "three", Wanted(2, 3), seed=6)
    assert first.manifest == second.manifest != other.manifest
    contents = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two")]
    assert contents[0] == contents[1]
    assert len(contents[0]) == 7


def test_copies_keep_format_and_are_of_nearly_the_size(tmp_path, draw):
    source = tmp_path / "source"
    source.mkdir()
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF"):
        (source / f"a.{kind.lower()}").write_bytes(draw(1, size=240, kind=kind))
    made = gather(source, tmp_path / "set", Wanted(7, 2, 20), seed=1)
    sizes = set()
    for name, original in made.manifest:
        with Image.open(tmp_path / "set" / name) as copy, Image.open(original) as before:
            assert copy.format == before.format
            assert 0.79 < copy.width / before.width < 1.21
            assert abs(copy.width / before.width - copy.height / before.height) < 0.01
            sizes.add(copy.size)
    assert len(sizes) > 5


def test_unreadable_pictures_are_passed_over_and_too_few_leave_nothing_behind(folder, tmp_path):
    for number in range(5):
        (folder / f"broken{number}.jpg").write_bytes(b"damaged")
    made = gather(folder, tmp_path / "set", Wanted(3, 1), seed=1)
    assert len(made.manifest) == 3
    with pytest.raises(Refusal, match="4 pictures are wanted"):
        gather(folder, tmp_path / "other", Wanted(4, 1), seed=1)
    assert not (tmp_path / "other").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(Refusal, match="4 pictures are wanted"):
        gather(folder, tmp_path / "empty", Wanted(4, 1), seed=1)
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_test_set_never_mixes_with_what_is_there(folder, tmp_path):
    with pytest.raises(Refusal, match="is not empty"):
        gather(folder, folder, Wanted(1, 1), seed=1)
    (tmp_path / "file").write_text("x")
    with pytest.raises(Refusal, match="cannot be written to"):
        gather(folder, tmp_path / "file", Wanted(1, 1), seed=1)
