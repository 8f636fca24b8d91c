"""Hostile and broken files, posted to the real server: each has its sentence, and only a picture is kept of it."""

import json
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from moderation import tokens
from moderation.canonical import SIDE, THUMBNAIL_SIDE
from moderation.database import writing
from moderation.decoder import TOO_LONG, TOO_MUCH
from moderation.models import Picture, Role
from moderation.parts import Parts
from moderation.web.member import OUTCOMES

from .files import MARK, HostileFile, corpus, sample
from .parts import many_scans
from .site import Answer, Member, decoders, memory, workers

SENTENCES = {*OUTCOMES.values(), TOO_LONG, TOO_MUCH}
STARTS = (
    "The file is empty.",
    "This file is not a picture that we can read.",
    "This picture is damaged",
    "The picture has more than 40 megapixels.",
    "The file is larger than 10 MB.",
    "Please choose a picture first.",
    "This request cannot be understood.",
)

SECONDS = 2.0
"""Within which every answer comes."""

MEGABYTES = 400
"""That a worker takes at the most, while its index is empty."""


def test_there_are_more_than_four_hundred_files_each_with_a_name_of_its_own() -> None:
    assert len({file.name for file in corpus()}) == len(corpus()) > 400


@pytest.mark.only("sqlite")
def test_each_file_has_its_sentence_in_time_and_little_memory_and_only_a_picture_is_kept(
    long: bool, member: Callable[[str], Member], instance: Path, parts: Parts, draw: Callable
) -> None:
    members = [member("mia"), member("tom")]
    for one in members:
        assert one.upload(draw(1)).sentence == "Your new profile picture is on show."
    serving = workers(instance)
    assert len(serving) == 2
    before = set(decoders(serving))
    stored = set(kept(parts))

    answers = post_all(members, corpus() if long else sample())
    assert [said for file, answer in answers for said in complaints(file, answer)] == []

    # The same processes, and none of them larger than it may be.
    assert workers(instance) == serving
    assert before <= set(decoders(serving))
    most = [memory(pid, "VmHWM") for pid in serving]
    slowest = max(answers, key=lambda one: one[1].seconds)
    print(f"{len(answers)} files; workers at most {most} MB; slowest {slowest[0].name}, {slowest[1].seconds:.2f} s")
    assert max(most) < MEGABYTES

    fresh = [path for path in kept(parts) if path not in stored]
    assert len(fresh) > len([file for file, _ in answers if file.taken]) / 2
    assert [f"{path.name}: {what}" for path in fresh for what in wrong_with(path.read_bytes())] == []
    assert len({picture.file for picture in Picture.query}) > 1

    for one in members:
        assert one.upload(draw(2)).sentence == "Your new profile picture is on show."


def post_all(members: list[Member], files: Iterable[HostileFile]) -> list[tuple[HostileFile, Answer]]:
    """Each of the files posted once, by whoever has a hand free."""
    waiting, answers, lock = iter(files), [], threading.Lock()

    def post(member: Member) -> None:
        while True:
            with lock:
                file = next(waiting, None)
                data = file.make() if file else b""
            if file is None:
                return
            answers.append((file, member.upload(data, file.called)))

    threads = [threading.Thread(target=post, args=[member]) for member in members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def complaints(file: HostileFile, answer: Answer) -> Iterator[str]:
    if not (200 <= answer.status < 300 or 400 <= answer.status < 500):
        yield f"{file.name}: {answer.status}"
    if answer.sentence not in SENTENCES and not answer.sentence.startswith(STARTS):
        yield f"{file.name}: no sentence but {answer.sentence!r}"
    if answer.seconds > SECONDS:
        yield f"{file.name}: {answer.seconds:.1f} s"
    if file.taken is not None and file.taken is not (answer.status == 200):
        yield f"{file.name}: {answer.sentence}"


def kept(parts: Parts) -> list[Path]:
    return [path for path in parts.store.root.rglob("*") if path.is_file()]


def wrong_with(data: bytes) -> Iterator[str]:
    """What a stored file has that it must not have, or lacks."""
    if MARK in data:
        yield "something of the original's metadata"
    with Image.open(BytesIO(data)) as image:
        image.load()
        if (image.format, image.mode) != ("JPEG", "RGB") or max(image.size) > max(SIDE, THUMBNAIL_SIDE):
            yield f"{image.format} {image.mode} {image.size}"
        if dict(image.getexif()) or not set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}:
            yield f"metadata: {sorted(image.info)}"
    if not set(segments(data)) <= {0xE0, 0xDB, 0xC0, 0xC4, 0xDA} or not data.endswith(b"\xff\xd9"):
        yield "more than a picture"


def segments(jpeg: bytes) -> list[int]:
    """The kinds of the segments up to the scan."""
    found, place = [], 2
    while not found or found[-1] != 0xDA:
        marker, length = struct.unpack_from(">xBH", jpeg, place)
        found.append(marker)
        place += 2 + length
    return found


@pytest.mark.only("sqlite")
def test_at_every_other_door_too_a_bomb_has_its_sentence_and_the_next_picture_is_read(
    member: Callable[..., Member], parts: Parts, draw: Callable
) -> None:
    root = member("root", Role.ADMIN)
    with writing():
        key = {"Authorization": f"Bearer {tokens.create('test')}"}
    bomb = many_scans(6000, 6000, 300)

    imported = root.post(
        "/admin/import",
        ("file", "bomb.jpg", "image/jpeg", bomb),
        ("file", "fine.gif", "image/gif", draw(1, kind="GIF")),
    )
    assert imported.status == 200
    assert f"bomb.jpg: {TOO_LONG}" in imported.text
    assert "This blocks 1 picture" in imported.text

    searched = root.post("/review/search", ("file", "a.jpg", "image/jpeg", bomb))
    assert (searched.status, searched.sentence) == (422, TOO_LONG)
    assert root.post("/review/search", ("file", "a.gif", "image/gif", draw(2, kind="GIF"))).status == 200

    asked = root.send("POST", "/api/v1/check", bomb, key)
    assert (asked.status, json.loads(asked.text)["detail"]) == (422, TOO_LONG)
    for kind in ("JPEG", "AVIF"):
        asked = root.send("POST", "/api/v1/check", draw(3, kind=kind), key)
        assert (asked.status, json.loads(asked.text)["verdict"]) == (200, "publish")
