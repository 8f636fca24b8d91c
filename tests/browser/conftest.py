"""Real Chromium, and the real server in processes of its own."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from moderation.app import create_app
from moderation.database import db, writing
from moderation.models import Counter, Role
from tests.conftest import PASSWORD, TESTING

CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""In this order: the first is the same browser built without windows, in which tests take two thirds of the time."""

FLAGS = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

PATIENCE = 20_000
"""Milliseconds that something on a page may take where no test says otherwise: a busy machine is no failure."""

expect.set_options(timeout=PATIENCE)


@contextmanager
def launched() -> Iterator[Browser]:
    """The Chromium of this machine. A missing one is an error: what is not looked at is not tested."""
    found = os.environ.get("CHROMIUM") or next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if not found:
        raise RuntimeError("The browser tests need Chromium: install it, or name it in CHROMIUM.")
    flags = FLAGS if os.getuid() else [*FLAGS, "--no-sandbox"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which(found) or found, args=flags)
        yield browser
        browser.close()


@contextmanager
def served(instance: Path, **settings: str) -> Iterator[str]:
    """The address of `moderation serve`, with two workers, on that instance."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moderation", "serve", "--port", str(port), "--instance", str(instance)],
        env=os.environ | {f"MODERATION_{name}": value for name, value in {"DURABLE": "false", **settings}.items()},
        stdout=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, server)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def signed_in(context: BrowserContext, name: str, password: str = PASSWORD) -> Page:
    """A page of that browser after signing in, wherever it lands."""
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    return page


def let_in(context: BrowserContext, name: str, password: str = PASSWORD) -> Page:
    """The same without looking at the form, which is half of what opening a window takes."""
    form = context.request.get("/sign-in").text()
    token = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', form)
    assert token
    answer = context.request.post("/sign-in", form={"csrf_token": token[1], "name": name, "password": password})
    assert "/sign-in" not in answer.url
    page = context.new_page()
    page.goto(answer.url)
    return page


def intercept(page: Page, pattern: str, do: Callable[[Route], object] = lambda route: route.abort()) -> None:
    """From now on the page's requests there come to `do`; by itself, they fail as without a connection.

    Chromium says that it is so before the page itself has heard of it, and a key pressed then may be quicker.
    """
    page.route(pattern, do)
    page.route("**/is-intercepted", lambda route: route.abort())
    while not page.evaluate("fetch('/is-intercepted').then(() => false, () => true)"):
        pass


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def standing(empty_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The instance folder and the address of a site that serves one test after another: to start one takes seconds."""
    folder = Path(shutil.copytree(empty_sqlite, tmp_path_factory.mktemp("standing") / "instance"))
    with served(folder) as address:
        yield folder, address


@pytest.fixture
def instance(request: pytest.FixtureRequest, database: str, make_instance: Callable[[str], Path]) -> Path:
    """That of the standing site, emptied; a new one where the test is marked so, or on the other database."""
    if database != "sqlite" or request.node.get_closest_marker("own_site"):
        return make_instance("instance")
    folder: Path = request.getfixturevalue("standing")[0]
    empty(folder)
    return folder


def empty(instance: Path) -> None:
    """All tables as they were made. To whatever runs on them it is as after a restore: the lists begin anew."""
    app = create_app(instance, **TESTING)
    with app.app_context():
        with writing():
            for table in reversed(db.metadata.sorted_tables):
                if table is not Counter.__table__:
                    db.session.execute(sa.delete(table))
            for counter in db.session.scalars(sa.select(Counter)):
                counter.version, counter.epoch = 0, uuid.uuid4().hex
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def site(request: pytest.FixtureRequest, app: Flask, instance: Path) -> Iterator[str]:
    """The site that the test's `app` looks into."""
    if instance.parent.name.startswith("standing"):
        yield request.getfixturevalue("standing")[1]
    else:
        with served(instance) as address:
            yield address


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, "The server has ended."
        try:
            urllib.request.urlopen(f"{address}/sign-in", timeout=2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("The server does not answer.")


@pytest.fixture
def window(chromium: Browser, site: str, person: Callable) -> Iterator[Callable[..., Page]]:
    """`window("ana", Role.MODERATOR)` makes the account and returns the page it lands on after signing in.

    Whatever the page's script or its security policy complains of fails the test.
    """
    contexts, complaints = [], []

    def open_(name: str, role: Role = Role.MEMBER, **options: object) -> Page:
        person(name, role)
        context = chromium.new_context(base_url=site, **options)
        context.set_default_timeout(PATIENCE)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        context.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        contexts.append(context)
        return let_in(context, name)

    yield open_
    for context in contexts:
        context.close()
    # A refused upload is answered with 4xx, and a request is cut off, on purpose; Chromium writes each of those down.
    assert [one for one in complaints if not re.search("status of 4|net::ERR_FAILED", one)] == []
