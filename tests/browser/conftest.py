"""Real Chromium, and the real server in processes of its own."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from moderation.models import Role
from tests.conftest import PASSWORD

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

FLAGS = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]


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
def served(instance: Path) -> Iterator[str]:
    """The address of `moderation serve`, with two workers, on that instance."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moderation", "serve", "--port", str(port), "--instance", str(instance)],
        env=os.environ | {"MODERATION_DURABLE": "false"},
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


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def site(app: Flask, instance: Path) -> Iterator[str]:
    """The site that the test's `app` looks into."""
    with served(instance) as address:
        yield address


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
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
        context.set_default_timeout(10_000)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        context.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        contexts.append(context)
        return signed_in(context, name)

    yield open_
    for context in contexts:
        context.close()
    # A refused upload is answered with 4xx on purpose, and Chromium writes each of those down.
    assert [one for one in complaints if "status of 4" not in one] == []
