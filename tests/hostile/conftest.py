"""The real server, and members of it who send what they like."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from moderation.models import Role
from tests.browser.conftest import empty, served

from .site import Member


@pytest.fixture(scope="session")
def standing(empty_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The instance folder and the address of a site that serves one test after another."""
    folder = Path(shutil.copytree(empty_sqlite, tmp_path_factory.mktemp("standing") / "instance"))
    # Members here send more than anybody would.
    (folder / "config.py").write_text("LIMIT_UPLOADS = LIMIT_UPLOADS_ADDRESS = 0\n")
    with served(folder) as address:
        yield folder, address


@pytest.fixture
def instance(standing: tuple[Path, str]) -> Path:
    empty(standing[0])
    return standing[0]


@pytest.fixture
def site(app: Flask, standing: tuple[Path, str]) -> str:
    """The site that the test's `app` looks into."""
    return standing[1]


@pytest.fixture
def member(site: str, person: Callable[..., int]) -> Iterator[Callable[..., Member]]:
    """`member("mia")` makes the account and signs in."""
    there = []

    def enter(name: str, role: Role = Role.MEMBER) -> Member:
        person(name, role)
        there.append(Member(site, name))
        return there[-1]

    yield enter
    for one in there:
        one.close()
