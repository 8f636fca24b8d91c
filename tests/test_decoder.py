"""A picture that takes too much time or memory ends its own check, and nothing else."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from prometheus_client import REGISTRY

from moderation import decoder
from moderation.canonical import UPLOAD_FORMATS, Limits, canonical_pixels
from moderation.decoder import Bounds, Decoder
from moderation.errors import Busy, Refusal, TooLarge, Unreadable
from moderation.fingerprint import fingerprint
from tests.conftest import save
from tests.hostile.parts import PNG_START, chunk, header, many_scans


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Decoder:
    """Reads every picture apart."""
    monkeypatch.setattr(decoder, "is_cheap", lambda data: False)
    return Decoder(Limits(), Bounds(seconds=20), tmp_path)


def bounded(folder: Path, **bounds: float) -> Decoder:
    return Decoder(Limits(), Bounds(**bounds), folder)


@pytest.mark.parametrize("kind", UPLOAD_FORMATS)
def test_what_is_read_apart_is_what_is_read_here(apart: Decoder, draw, kind):
    data = draw(5, size=1300, kind=kind)
    there, here = apart.pixels(data), canonical_pixels(data)
    assert there.dtype == np.uint8
    assert np.array_equal(there, here)
    assert apart.fingerprint(data).pixels == fingerprint(here).pixels


@pytest.mark.parametrize(
    "data",
    [b"", b"no picture", b"x" * 10_000_001, PNG_START + header(7000, 7000) + chunk(b"IDAT", b""), b"\xff\xd8\xff\xe0"],
)
def test_what_is_refused_here_is_refused_there_in_the_same_words(apart: Decoder, data):
    with pytest.raises(Refusal) as here:
        canonical_pixels(data)
    with pytest.raises(type(here.value)) as there:
        apart.pixels(data)
    assert str(there.value) == str(here.value)


def test_a_picture_that_takes_too_long_is_refused_and_the_next_is_read(tmp_path: Path, draw, caplog):
    slow = bounded(tmp_path, seconds=1.2)
    endless = many_scans(4000, 4000, 2000)
    slow.pixels(draw(1, kind="GIF"))  # the helper is there
    counted = REGISTRY.get_sample_value("moderation_errors_total", {"kind": "decoding"}) or 0
    started = time.monotonic()
    with pytest.raises(Unreadable, match="takes too long"):
        slow.pixels(endless)
    assert time.monotonic() - started < 5
    assert "was not read: time" in caplog.text
    assert REGISTRY.get_sample_value("moderation_errors_total", {"kind": "decoding"}) == counted + 1
    assert slow.pixels(draw(1, kind="GIF")).shape == canonical_pixels(draw(1)).shape


@pytest.mark.parametrize(("kind", "sentence"), [("PNG", "takes too much memory"), ("WEBP", "memory|damaged")])
def test_a_picture_that_takes_too_much_memory_is_refused_and_the_next_is_read(tmp_path: Path, draw, kind, sentence):
    narrow = bounded(tmp_path, seconds=20, megabytes=60)
    options = {"compress_level": 1} if kind == "PNG" else {"method": 0, "quality": 0}
    with pytest.raises(Refusal, match=sentence):
        narrow.pixels(save(Image.new("RGB", (5000, 5000)), kind, **options))
    assert len(narrow.pixels(draw(1, kind="GIF")))


def test_a_process_that_dies_while_it_reads_is_told_of_and_the_next_picture_is_read(apart: Decoder, draw, monkeypatch):
    monkeypatch.setattr(decoder, "_idle", [])
    apart.pixels(draw(1))
    (helper,) = decoder._idle
    endless = many_scans(4000, 4000, 2000)
    # Both: the one that waits for the other, and the one that reads.
    killer = threading.Timer(0.3, os.killpg, (helper.process.pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(TooLarge):
        apart.pixels(endless)
    killer.join()
    assert decoder._idle == []
    assert len(apart.pixels(draw(1)))
    decoder._end()


def test_all_processes_on_a_folder_take_turns_and_who_waits_too_long_is_told(tmp_path: Path, draw):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, sys; held = [open(name, 'a') for name in sys.argv[1:]]\n"
            "[fcntl.flock(one, fcntl.LOCK_EX) for one in held]\nprint('held', flush=True); sys.stdin.read()",
            *(tmp_path / f"decoder.{number}.lock" for number in range(2)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Busy, match="try again"):
            bounded(tmp_path, seconds=0.2).pixels(draw(1, kind="GIF"))
        assert Busy.status == 503
        assert len(bounded(tmp_path, seconds=5, at_once=3).pixels(draw(1, kind="GIF")))
        holder.kill()
    assert len(bounded(tmp_path, seconds=5).pixels(draw(1, kind="GIF")))


def test_where_no_process_can_be_started_the_person_is_asked_to_try_again(apart: Decoder, draw, monkeypatch):
    def fail(*_: object, **_more: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(decoder, "_idle", [])
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", fail)
        with pytest.raises(Busy, match="try again"):
            apart.pixels(draw(1))
        apart.get_ready()
    assert len(apart.pixels(draw(1)))
    decoder._end()


def test_threads_take_turns(apart: Decoder, draw):
    read = []
    threads = [threading.Thread(target=lambda: read.append(apart.pixels(draw(1)).shape)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(read) == 6


def test_cheap_pictures_need_no_other_process(tmp_path: Path, draw, monkeypatch):
    monkeypatch.setattr(Decoder, "_apart", None)
    assert bounded(tmp_path).pixels(draw(1)).shape == canonical_pixels(draw(1)).shape


ENDS = """
import os, sys, tempfile
from pathlib import Path
from moderation import decoder
from moderation.canonical import Limits

apart = decoder.Decoder(Limits(), decoder.Bounds(seconds=20), Path(tempfile.mkdtemp()))
apart._apart(Path(sys.argv[1]).read_bytes())
print(decoder._idle[0].process.pid, flush=True)
if not (child := os.fork()):
    apart._apart(Path(sys.argv[1]).read_bytes())
    print(decoder._idle[0].process.pid, flush=True)
    sys.exit()
os.waitpid(child, 0)
if sys.argv[2] == "killed":
    os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("how", ["killed", "done"])
def test_a_process_has_a_helper_of_its_own_which_ends_with_it(tmp_path: Path, draw, how):
    (tmp_path / "a.gif").write_bytes(draw(1, kind="GIF"))
    said = subprocess.run([sys.executable, "-c", ENDS, tmp_path / "a.gif", how], capture_output=True, text=True)
    assert said.stderr == ""
    helpers = {int(line) for line in said.stdout.split()}
    assert len(helpers) == 2
    deadline = time.monotonic() + 30
    while any(_lives(pid) for pid in helpers):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    try:
        return b"moderation.decoder" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def test_the_helper_knows_no_settings(apart: Decoder, draw, monkeypatch):
    monkeypatch.setenv("MODERATION_SECRET_KEY", "hush")
    monkeypatch.setattr(decoder, "_idle", [])
    apart.pixels(draw(1))
    (helper,) = decoder._idle
    assert b"hush" not in Path(f"/proc/{helper.process.pid}/environ").read_bytes()
    helper.kill()
