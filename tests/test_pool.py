"""Picture files: found in folders, read one at a time, and many over all cores."""

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from moderation import pool
from moderation.canonical import Limits
from moderation.errors import Refusal
from moderation.fingerprint import fingerprint_bytes
from moderation.folders import PictureFile, Reading, Unread, expand, find, read, read_whole
from moderation.pool import read_all
from tests.hostile.parts import many_scans


@pytest.fixture
def workers(monkeypatch):
    """Workers are started however few files there are."""
    monkeypatch.setattr(pool, "WORTH_IT", -1)
    monkeypatch.setattr(pool, "FIRST", 1)


def name_only(path: Path) -> Reading:
    return Unread(path, f"read by {os.getpid()}")


def company(path: Path) -> Reading:
    """How many processes there are beside this one, itself included, which the same one has started."""
    parent = os.getppid()
    return Unread(path, str(len(Path(f"/proc/{parent}/task/{parent}/children").read_text().split())))


def dies_of_seven(path: Path) -> Reading:
    if path.name == "7":
        os._exit(1)
    return Unread(path, "fine")


def has_no_end(path: Path) -> Reading:
    if path.stem in ("0", "20"):
        time.sleep(600)
    return read(path)


def test_pictures_are_found_by_suffix_in_the_whole_tree_and_sorted(tmp_path, draw):
    for name in ("b/two.PNG", "a.jpg", "b/c/one.jpeg", "b/-dash.webp", "notes.txt", ".hidden.gif", "jpg", ".jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = find(tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in found.paths] == [
        ".hidden.gif",
        "a.jpg",
        "b/-dash.webp",
        "b/c/one.jpeg",
        "b/two.PNG",
    ]
    assert not found.unlisted


def test_symbolic_links_are_not_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.jpg").write_bytes(b"x")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "real" / "a.jpg")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "real" / "loop").symlink_to(tmp_path)
    assert find(tmp_path).paths == [tmp_path / "real" / "a.jpg"]


def test_a_pipe_or_a_folder_called_like_a_picture_is_none(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    assert find(tmp_path).paths == []
    assert read(tmp_path / "pipe.jpg") == Unread(tmp_path / "pipe.jpg", "This is not a file.")


def test_a_folder_that_is_missing_has_a_sentence(tmp_path):
    with pytest.raises(Refusal, match="There is no folder"):
        find(tmp_path / "nowhere")


def test_a_folder_that_cannot_be_looked_into_is_told_and_the_others_are_searched(tmp_path, monkeypatch):
    for name in ("closed", "open"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").write_bytes(b"x")
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find(tmp_path)
    assert found.paths == [tmp_path / "open" / "a.jpg"]
    assert found.unlisted == [Unread(tmp_path / "closed", "This folder cannot be looked into: Permission denied.")]


def test_a_file_that_is_named_is_always_tried_and_only_once(tmp_path, draw):
    picture = tmp_path / "picture.data"
    picture.write_bytes(draw(1))
    (tmp_path / "other.jpg").write_bytes(draw(2))
    missing = tmp_path / "missing.jpg"
    found = expand([picture, tmp_path, str(tmp_path / "other.jpg"), missing])
    assert found.paths == [picture, tmp_path / "other.jpg", missing]
    assert isinstance(read(picture), PictureFile)


def test_a_reading_is_the_fingerprint_with_what_the_file_was(tmp_path, draw):
    path = tmp_path / "a.jpg"
    path.write_bytes(draw(1, size=300))
    reading = read(path)
    expected, size = fingerprint_bytes(path.read_bytes())
    assert (reading.fingerprint.views == expected.views).all()
    assert reading.fingerprint.luminance is None
    assert (reading.width, reading.height) == size
    assert (reading.size, reading.mtime) == (path.stat().st_size, path.stat().st_mtime_ns)


def test_a_picture_with_little_detail_is_read_with_its_pixels(tmp_path):
    Image.new("RGB", (300, 200), "grey").save(tmp_path / "a.png")
    fast, whole = read(tmp_path / "a.png"), read_whole(tmp_path / "a.png")
    assert fast.fingerprint.weak
    assert fast.fingerprint.pixels == whole.fingerprint.pixels
    assert whole.fingerprint.luminance is not None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty. Please choose a picture."),
        (b"not a picture", "This file is not a picture that we can read."),
        (None, "There is no such file."),
    ],
)
def test_a_file_that_cannot_be_read_has_a_sentence(tmp_path, content, sentence):
    path = tmp_path / "a.jpg"
    if content is not None:
        path.write_bytes(content)
    reading = read(path)
    assert isinstance(reading, Unread)
    assert reading.error.startswith(sentence)


def test_a_file_above_the_limits_is_not_even_read(tmp_path):
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(5 * 1000**3)
    assert read(tmp_path / "huge.jpg").error == "The file is larger than 2000 MB."


def test_a_few_files_are_read_by_this_process(tmp_path):
    readings = list(read_all([tmp_path / str(number) for number in range(100)], name_only, workers=2))
    assert {reading.error for reading in readings} == {f"read by {os.getpid()}"}


@pytest.mark.parametrize(("method", "here"), [("fork", 0), ("forkserver", 1000)])
def test_workers_are_worth_it_the_sooner_the_less_it_takes_to_start_them(tmp_path, monkeypatch, method, here):
    monkeypatch.setattr(pool, "_method", lambda: method)
    paths = [tmp_path / str(number) for number in range(1000)]
    assert len(list(pool._here(paths, name_only, forever=False))) == here


def test_many_files_are_read_by_workers_and_come_in_order(tmp_path, draw, workers):
    paths = []
    for number in range(100):
        paths.append(tmp_path / f"{number}.jpg")
        paths[-1].write_bytes(b"damaged" if number % 10 == 3 else draw(number % 5, size=64))
    readings = list(read_all(paths, partial(read, limits=Limits()), workers=2))
    assert [reading.path for reading in readings] == paths
    assert [number for number, one in enumerate(readings) if isinstance(one, Unread)] == list(range(3, 100, 10))
    assert len({one.error for one in read_all(paths, name_only, workers=2)} - {f"read by {os.getpid()}"}) in (1, 2)


def test_all_workers_are_there_before_one_can_die_of_a_file(tmp_path, workers, monkeypatch):
    """Python up to 3.12 waits for ever for one that it starts while another dies."""
    start = multiprocessing.process.BaseProcess.start
    monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", lambda one: (time.sleep(0.2), start(one)))
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)  # so that they are not all forked at once anyway
    other.start()
    readings = list(read_all([tmp_path / str(number) for number in range(81)], company, workers=4))
    stop.set()
    other.join()
    assert min(int(one.error) for one in readings[1:]) >= 4


def test_a_file_that_kills_its_process_does_not_stop_the_others(tmp_path, workers):
    paths = [tmp_path / str(number) for number in (99, 98, *range(90))]
    readings = list(read_all(paths, dies_of_seven, workers=2))
    assert [reading.path for reading in readings] == paths
    failed = [reading for reading in readings if reading.error != "fine"]
    assert [reading.path.name for reading in failed] == ["7"]
    assert failed[0].error.startswith("The process that read this file died")


def test_a_file_that_takes_too_long_does_not_stop_the_others(tmp_path, draw, workers, monkeypatch):
    monkeypatch.setattr(pool, "SECONDS", 1.5)
    paths = [tmp_path / f"{number}.jpg" for number in range(40)]
    for number, path in enumerate(paths):
        path.write_bytes(draw(number % 3, size=64))
    readings = list(read_all(paths, has_no_end, workers=2))
    assert [reading.path for reading in readings] == paths
    failed = [reading for reading in readings if isinstance(reading, Unread)]
    assert [(one.path.name, one.error) for one in failed] == [
        (name, "Reading this file takes more than 1.5 seconds.") for name in ("0.jpg", "20.jpg")
    ]


def test_a_single_file_that_may_take_long_is_read_by_a_process_that_can_be_ended(tmp_path, draw, monkeypatch):
    monkeypatch.setattr(pool, "SECONDS", 3.0)  # the quick one needs its process, and a busy machine's patience
    (tmp_path / "a.jpg").write_bytes(many_scans(4000, 4000, 2000))
    (tmp_path / "b.gif").write_bytes(draw(1, kind="GIF"))
    slow, quick = read_all([tmp_path / "a.jpg", tmp_path / "b.gif"], read)
    assert slow.error == "Reading this file takes more than 3 seconds."
    assert isinstance(quick, PictureFile)


def test_workers_can_be_started_while_other_threads_run(tmp_path, workers):
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    other.start()
    answers = []
    paths = [tmp_path / str(number) for number in range(60)]
    thread = threading.Thread(target=lambda: answers.extend(read_all(paths, name_only, workers=2)))
    thread.start()
    thread.join(30)
    stop.set()
    other.join()
    assert [answer.path for answer in answers] == paths


def test_whoever_has_seen_enough_may_stop(tmp_path, workers):
    readings = read_all([tmp_path / str(number) for number in range(500)], name_only, workers=2)
    for _ in range(20):
        next(readings)
    started = time.perf_counter()
    readings.close()
    assert time.perf_counter() - started < 10


INTERRUPTED = """
import os, signal, sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from moderation import pool
from moderation.folders import find, read

start = ProcessPoolExecutor.submit

def start_and_interrupt(*wanted):
    started = start(*wanted)
    os.kill(os.getpid(), signal.SIGINT)
    return started

ProcessPoolExecutor.submit = start_and_interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)
pool.WORTH_IT, pool.FIRST = -1, 1
list(pool.read_all(find(sys.argv[1]).paths, read, workers=2))
"""


def test_ctrl_c_while_the_workers_are_started_ends_them_and_the_program(tmp_path):
    for number in range(60):
        (tmp_path / f"{number}.jpg").write_bytes(b"no picture")
    program = subprocess.Popen([sys.executable, "-c", INTERRUPTED, tmp_path], stderr=subprocess.PIPE, text=True)
    try:
        _, said = program.communicate(timeout=60)
    finally:
        program.kill()
    assert said.rstrip().endswith("KeyboardInterrupt")


def test_names_that_are_no_text_are_read(tmp_path, draw, workers):
    folder = os.fsencode(tmp_path)
    for name in (b"\xff\xfe.jpg", b"new\nline.jpg", "snö 雪.jpg".encode(), b"'quoted\".jpg", b"-dash.jpg"):
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(draw(1, size=64))
    paths = find(tmp_path).paths * 8
    assert len(paths) == 40
    assert all(isinstance(reading, PictureFile) for reading in read_all(paths, read, workers=2))


def test_every_format_of_folders_is_read(tmp_path, draw):
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF"):
        (tmp_path / f"a.{kind.lower()}").write_bytes(draw(3, kind=kind))
    listing = find(tmp_path)
    assert len(listing.paths) == 7
    assert all(isinstance(read(path), PictureFile) for path in listing.paths)
