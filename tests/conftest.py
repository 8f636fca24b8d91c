"""The cast: an app on a real database, SQLite or PostgreSQL, pictures, people, and a second process."""

import dataclasses
import gc
import hashlib
import itertools
import multiprocessing
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache, partial
from io import BytesIO
from multiprocessing.context import BaseContext
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from jinja2.bccache import Bucket, BytecodeCache
from PIL import Image
from werkzeug.routing import Rule

from moderation import accounts, replica, uploads
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

from .postgres import Server

PASSWORD = "correct horse battery"

EVERY_ENGINE: dict[str, Callable[[], Engine]] = {
    **ENGINES,
    "scan": ScanEngine,
    "multi, soon merged": lambda: MultiIndexEngine(tail=3),
    "auto, soon another": lambda: AutoEngine(few=5),
}
"""Each by a name, and those that change as they grow also such that they do so with a handful of codes."""

TESTING = {"TESTING": True, "DURABLE": False, "SERVER_NAME": None, "HOLD_AFTER": 0, "HOLD_AFTER_ADDRESS": 0}
"""One member tries here in a minute what others try in a year; what comes of that is looked at in `test_probing`."""


DATABASES = ("sqlite", "postgresql")

ON_BOTH = {
    "test_audit",
    "test_backup",
    "test_database",
    "test_killed",
    "test_law2",
    "test_limiting",
    "test_migrations",
    "test_onshow",
    "test_races",
    "test_replica",
    "test_stats",
    "web.test_database_gone",
}
"""Modules whose tests run on both databases each time: where the two can differ, which is in transactions and locks,
dates, figures, migrations and backups. So do single tests of others that are marked `on_both`: what people or
processes do at once, work left half done, and every page. Everything else does with --long."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="everything on both databases, and the slow tests whole")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: runs with --long only; see also the fixture of that name")
    config.addinivalue_line("markers", "only(database): what it looks at is that database's alone")
    config.addinivalue_line("markers", "on_both: on both databases each time, although others of its module are not")
    config.addinivalue_line("markers", "own_site: in a browser, on a server that is started for it, with its settings")
    config.addinivalue_line("markers", "in_haste_on(database): without --long on that one alone")


def pytest_collection_finish() -> None:
    """What is there by now stays: Python's collector would look through it all again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--long"):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="takes long: with --long"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Whatever uses a database runs on each of them; in haste, most of it on SQLite alone."""
    if "database" not in metafunc.fixturenames:
        return
    whole = metafunc.config.getoption("--long")
    both = whole or metafunc.module.__name__.removeprefix("tests.") in ON_BOTH
    on = DATABASES if both or metafunc.definition.get_closest_marker("on_both") else DATABASES[:1]
    for marker in ("only",) if whole else ("in_haste_on", "only"):
        if found := metafunc.definition.get_closest_marker(marker):
            on = found.args
    metafunc.parametrize("database", on, indirect=True)


@pytest.fixture(scope="session")
def long(pytestconfig: pytest.Config) -> bool:
    """Whether a test that has a short and a whole form runs whole."""
    return bool(pytestconfig.getoption("--long"))


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Tells figures at the end of the run. What the processes print that share the tests goes nowhere."""
    return partial(record_property, "figures")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in (one for reports in terminalreporter.stats.values() for one in reports):
        for name, value in getattr(report, "user_properties", ()):
            if name == "figures" and report.when == "call":
                terminalreporter.write_line(value)


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> None:
    """The same hash with less work in it: tests make many accounts. What is stored says how much work to do."""
    accounts._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture(scope="session", autouse=True)
def addresses_compiled_once() -> None:
    """What builds the addresses of a rule, compiled once for all apps: that is nine tenths of making one."""
    if compile_ := getattr(Rule, "_compile_builder", None):
        known: dict[object, object] = {}

        def once(rule: Rule, append_unknown: bool = True) -> object:
            key = (rule.rule, str(rule.defaults), append_unknown, *rule._trace)
            if key not in known:
                known[key] = compile_(rule, append_unknown)
            return known[key]

        Rule._compile_builder = once


class TemplatesCompiledOnce(BytecodeCache):
    """For all apps of a test run: to compile them is a quarter of the time that the web tests take."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._known.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._known[bucket.key, bucket.checksum] = bucket.code


@pytest.fixture(scope="session", autouse=True)
def templates_compiled_once() -> None:
    Flask.jinja_options = {"bytecode_cache": TemplatesCompiledOnce()}


@pytest.fixture(scope="session", autouse=True)
def statements_compiled_once() -> None:
    """For all engines of one kind of database: to compile them is an eighth of the time that tests take."""
    make, firsts = SQLAlchemy._make_engine, {}

    def once(self: SQLAlchemy, *options: Any) -> sa.Engine:
        engine = make(self, *options)
        first = firsts.setdefault(type(engine.dialect), engine)
        engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache
        return engine

    SQLAlchemy._make_engine = once


@pytest.fixture(scope="session")
def photographs() -> list[Path]:
    """Real photographs, where MODERATION_PHOTOS names a folder of them; else none."""
    folder = os.environ.get("MODERATION_PHOTOS")
    return sorted(Path(folder).glob("*.jpg")) if folder else []


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    server = Server()
    yield server
    server.throw_away()


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance folder whose database has its tables: copied, because a copy is faster than a migration."""
    return migrated(tmp_path_factory.mktemp("instance"))


@pytest.fixture(scope="session")
def empty_postgres(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of such a database on PostgreSQL."""
    name = postgres.create()
    migrated(on_postgres(tmp_path_factory.mktemp("instance"), postgres.url(name)))
    return name


def migrated(folder: Path) -> Path:
    app = create_app(folder, **TESTING)
    with app.app_context():
        migrate()
        db.engine.dispose()
    return folder


def configure(folder: Path, lines: str) -> None:
    """Add settings to those of an instance, which may name its database."""
    with (folder / "config.py").open("a") as settings:
        settings.write(f"{lines}\n")


def on_postgres(folder: Path, url: str) -> Path:
    """The instance folder, set up such that every process that opens it comes to that database."""
    folder.mkdir(exist_ok=True)
    (folder / "config.py").write_text(f"DATABASE_URL = {url!r}\n")
    return folder


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """On which database the test runs: one of `DATABASES`."""
    return str(request.param)


@pytest.fixture
def bare_instance(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> Iterator[Path]:
    """An instance folder whose database has no tables yet."""
    folder = tmp_path / "bare"
    if database == "sqlite":
        folder.mkdir()
        yield folder
    else:
        with copied(request.getfixturevalue("postgres")) as url:
            yield on_postgres(folder, url)


@pytest.fixture
def make_instance(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> Iterator[Callable[[str], Path]]:
    """`make_instance("other")` is an instance folder of that name whose database has its tables, all of them empty."""
    with ExitStack() as stack:

        def make(name: str) -> Path:
            if database == "sqlite":
                return Path(shutil.copytree(request.getfixturevalue("empty_sqlite"), tmp_path / name))
            template = request.getfixturevalue("empty_postgres")
            url = stack.enter_context(copied(request.getfixturevalue("postgres"), template))
            return on_postgres(tmp_path / name, url)

        yield make


@pytest.fixture
def instance(make_instance: Callable[[str], Path]) -> Path:
    return make_instance("instance")


@contextmanager
def copied(server: Server, *template: str) -> Iterator[str]:
    """The address of a database, empty or a copy of that one, for as long as it is wanted."""
    name = server.create(*template)
    yield server.url(name)
    server.drop(name)


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


def of_their_own() -> BaseContext:
    """Makes processes that share nothing with this one. What they all import is imported once, and they split off."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["moderation.folders", "tests.conftest"])
    return context


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

    @lru_cache(1000)
    def plain(seed: int, size: int, kind: str) -> bytes:
        return save(draw_picture(seed, size), kind)

    def make(seed: int, size: int = 480, kind: str = "JPEG", **options: object) -> bytes:
        return save(draw_picture(seed, size), kind, **options) if options else plain(seed, size, kind)

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
    """A fingerprint that is that many bits away, and whose pixels say nothing: the hashes alone decide."""
    views = np.array(print_.views, VIEW)
    views["dhash"] ^= np.uint64((1 << dhash) - 1)
    for bit in range(phash):
        views["phash"][:, bit % 4] ^= np.uint64(1 << (bit // 4))
    pixels = hashlib.sha256(views.tobytes()).digest()
    return dataclasses.replace(print_, views=views, luminance=np.full_like(print_.luminance, 128), pixels=pixels)


@pytest.fixture
def arrive(parts: Parts, person: Callable[..., int]) -> Callable[[bytes], int]:
    """`arrive(picture)` is an upload by a member of its own; returns the picture's number."""
    members = (f"member{number}" for number in itertools.count())
    return lambda data: uploads.receive(parts, person(next(members)), data).id


def version(name: str) -> int:
    """That of the list in the database now."""
    return replica.moment(name).version


def status(picture_id: int) -> Status:
    """Where the picture is now, whoever moved it."""
    db.session.rollback()
    return db.session.get_one(Picture, picture_id).status


@pytest.fixture
def rng() -> random.Random:
    return random.Random(20)
