"""The cast: an app on a real SQLite file, pictures, people, and a second process."""

import dataclasses
import hashlib
import itertools
import os
import random
import shutil
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from argon2 import PasswordHasher
from flask import Flask
from PIL import Image

from moderation import accounts, uploads
from moderation.app import create_app, migrate
from moderation.context import parts as current_parts
from moderation.database import db, writing
from moderation.drawing import draw as draw_picture
from moderation.engines import ENGINES, AutoEngine
from moderation.fingerprint import Fingerprint
from moderation.index import Engine, ScanEngine
from moderation.models import Picture, Role, Status
from moderation.multi_index import MultiIndexEngine
from moderation.parts import Parts
from moderation.views import VIEW

PASSWORD = "correct horse battery"

EVERY_ENGINE: dict[str, Callable[[], Engine]] = {
    **ENGINES,
    "scan": ScanEngine,
    "multi, soon merged": lambda: MultiIndexEngine(tail=3),
    "auto, soon another": lambda: AutoEngine(few=5),
}
"""Each by a name, and those that change as they grow also such that they do so with a handful of codes."""

TESTING = {"TESTING": True, "DURABLE": False, "SERVER_NAME": None}


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> None:
    """The same hash with less work in it: tests make many accounts. What is stored says how much work to do."""
    accounts._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture(scope="session")
def photographs() -> list[Path]:
    """Real photographs, where MODERATION_PHOTOS names a folder of them; else none."""
    folder = os.environ.get("MODERATION_PHOTOS")
    return sorted(Path(folder).glob("*.jpg")) if folder else []


@pytest.fixture(scope="session")
def empty_instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance folder whose database has its tables: copied, because a copy is faster than a migration."""
    folder = tmp_path_factory.mktemp("instance")
    app = create_app(folder, **TESTING)
    with app.app_context():
        migrate()
        db.engine.dispose()
    return folder


@pytest.fixture
def instance(tmp_path: Path, empty_instance: Path) -> Path:
    return Path(shutil.copytree(empty_instance, tmp_path / "instance"))


@pytest.fixture
def app(instance: Path) -> Iterator[Flask]:
    app = create_app(instance, **TESTING)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def parts(app: Flask) -> Parts:
    return current_parts()


@pytest.fixture
def another_process(app: Flask, instance: Path) -> Parts:
    """The parts of a second app on the same database, as another worker has them: its copies are its own."""
    from moderation.context import EXTENSION

    return create_app(instance, **TESTING).extensions[EXTENSION]


@pytest.fixture
def person(app: Flask) -> Callable[..., int]:
    """`person("ana", Role.MODERATOR)` makes an account, and returns its id."""

    def make(name: str, role: Role = Role.MEMBER) -> int:
        with writing():
            account = accounts.create(name, PASSWORD, role)
            db.session.flush()
            return account.id

    return make


@pytest.fixture(scope="session")
def draw() -> Callable[..., bytes]:
    """`draw(7)` is the file of the seventh drawn picture; `size` is its width, and the rest goes to Pillow's save."""

    def make(seed: int, size: int = 480, kind: str = "JPEG", **options: object) -> bytes:
        return save(draw_picture(seed, size), kind, **options)

    return make


def save(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def near_copy(data: bytes, scale: float = 0.7, quality: int = 60, kind: str = "JPEG") -> bytes:
    """The same picture resized and saved again, as somebody would who wants to slip it through."""
    image = Image.open(BytesIO(data)).convert("RGB")
    image = image.resize((round(image.width * scale), round(image.height * scale)))
    return save(image, kind, quality=quality)


def moved(print_: Fingerprint, dhash: int, phash: int) -> Fingerprint:
    """The fingerprint of a picture that is that many bits away, and of whose pixels nothing agrees."""
    views = np.array(print_.views, VIEW)
    views["dhash"] ^= np.uint64((1 << dhash) - 1)
    for bit in range(phash):
        views["phash"][:, bit % 4] ^= np.uint64(1 << (bit // 4))
    pixels = hashlib.sha256(views.tobytes()).digest()
    return dataclasses.replace(print_, views=views, luminance=255 - print_.luminance, pixels=pixels)


@pytest.fixture
def arrive(parts: Parts, person: Callable[..., int]) -> Callable[[bytes], int]:
    """`arrive(picture)` is an upload by a member of its own; returns the picture's number."""
    members = (f"member{number}" for number in itertools.count())
    return lambda data: uploads.receive(parts, person(next(members)), data).id


def status(picture_id: int) -> Status:
    """Where the picture is now, whoever moved it."""
    db.session.rollback()
    return db.session.get_one(Picture, picture_id).status


@pytest.fixture
def rng() -> random.Random:
    return random.Random(20)
