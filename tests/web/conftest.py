"""People at their browsers, without scripts: a test client that sends forms as the pages do."""

import re
from collections.abc import Callable
from contextvars import Context
from io import BytesIO

import pytest
from flask import Flask
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from moderation.models import Role
from tests.conftest import PASSWORD


class Browser:
    """One person's browser: it keeps its cookies, and sends the token that the pages carry."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()

    def send(self, method: str, path: str, **options: object) -> TestResponse:
        # Outside of the test's own application context, which a request would share otherwise.
        return Context().run(self.client.open, path, method=method, buffered=True, **options)

    def get(self, path: str, **options: object) -> TestResponse:
        return self.send("GET", path, **options)

    def post(self, path: str, follow: bool = True, json: bool = False, **form: object) -> TestResponse:
        token = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', self.get("/sign-in").text)
        assert token
        headers = {"Accept": "application/json"} if json else {}
        # Encoded here: werkzeug would leave a large body's temporary file open.
        boundary, body = encode_multipart({"csrf_token": token[1], **form})
        kind = f'multipart/form-data; boundary="{boundary}"'
        return self.send("POST", path, data=body, content_type=kind, headers=headers, follow_redirects=follow)

    def upload(self, picture: bytes, name: str = "holiday.jpg") -> TestResponse:
        return self.post("/picture", picture=FileStorage(BytesIO(picture), name))

    def sign_in(self, name: str, password: str = PASSWORD, follow: bool = True) -> TestResponse:
        return self.post("/sign-in", follow, name=name, password=password)


@pytest.fixture
def browser(app: Flask) -> Callable[[], Browser]:
    return lambda: Browser(app)


@pytest.fixture
def sign_in(app: Flask, person: Callable[..., int]) -> Callable[..., Browser]:
    """`sign_in("ana", Role.MODERATOR)` makes the account and returns its signed-in browser."""

    def enter(name: str, role: Role = Role.MEMBER) -> Browser:
        person(name, role)
        browser = Browser(app)
        answer = browser.sign_in(name, follow=False)
        assert answer.status_code == 302, answer.text
        return browser

    return enter
