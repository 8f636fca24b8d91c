"""The real server, and members of it who send what they like."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from moderation.models import Role
from tests.browser.conftest import served

from .site import Member


@pytest.fixture
def site(app: Flask, instance: Path) -> Iterator[str]:
    """The site that the test's `app` looks into."""
    # Members here send more than anybody would.
    (instance / "config.py").write_text("LIMIT_UPLOADS = LIMIT_UPLOADS_ADDRESS = 0\n")
    with served(instance) as address:
        yield address


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
