"""The real server in processes of its own, and people who ask it over connections that they keep."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from moderation import config

from .conftest import PASSWORD

UNLIMITED = {f"MODERATION_{name}": "0" for name in vars(config) if name.startswith("LIMIT_")}
"""What tests do comes from few people at one address."""


@dataclass
class Server:
    address: str
    process: subprocess.Popen

    def url(self, path: str) -> str:
        return self.address + path


@contextmanager
def serving(instance: Path, *words: str, stderr: int | None = None, **environment: str) -> Iterator[Server]:
    """`moderation serve`, with two workers, on that instance, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moderation", "serve", "--port", str(port), "--instance", str(instance), *words],
        env=os.environ | UNLIMITED | {"MODERATION_DURABLE": "false"} | environment,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
    )
    server = Server(f"http://127.0.0.1:{port}", process)
    try:
        _wait_for(server)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=60)
        if process.stderr:
            process.stderr.close()


def _wait_for(server: Server) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(server.url("/sign-in"), timeout=5).close()
            return
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError:
            if server.process.poll() is not None:
                raise RuntimeError(f"The server ended with exit code {server.process.returncode}.") from None
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


IDLE = 2.0
"""Seconds for which a connection that nothing is asked over is good."""


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Visitor:
    """Somebody's browser: it keeps its cookies, its connection, and the token that the pages carry."""

    def __init__(self, address: str, keep: bool = True) -> None:
        self._place = urlsplit(address)
        self._keep = keep
        self._connection: HTTPConnection | None = None
        self._used = 0.0
        self._cookies: dict[str, str] = {}
        self._token = ""

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask("GET", path, None, headers)

    def post(self, path: str, fields: Mapping[str, str] | None = None, **headers: str) -> Answer:
        body = urlencode({"csrf_token": self._known_token(), **(fields or {})}).encode()
        return self._ask("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded", **headers})

    def upload(self, picture: bytes, name: str = "picture.jpg") -> Answer:
        edge = uuid.uuid4().hex
        token = f'--{edge}\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{self._known_token()}\r\n'
        head = f'--{edge}\r\nContent-Disposition: form-data; name="picture"; filename="{name}"\r\n\r\n'
        body = token.encode() + head.encode() + picture + f"\r\n--{edge}--\r\n".encode()
        return self._ask("POST", "/picture", body, {"Content-Type": f"multipart/form-data; boundary={edge}"})

    def sign_in(self, name: str, password: str = PASSWORD) -> "Visitor":
        answer = self.post("/sign-in", {"name": name, "password": password})
        assert answer.status == 302, f"{name} could not sign in: {answer.status}"
        self._token = ""  # another session, another token
        return self

    def move(self, address: str) -> None:
        """The site has moved; whoever is signed in stays so."""
        self.close()
        self._place = urlsplit(address)

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def _known_token(self) -> str:
        if not self._token:
            found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.get("/picture").text)
            found = found or re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.get("/sign-in").text)
            assert found, "There is no form with a token."
            self._token = found[1]
        return self._token

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        if time.monotonic() - self._used > IDLE:
            self.close()  # before the server does, which keeps an idle connection for 5 s
        self._used = time.monotonic()
        if self._connection is None:
            self._connection = HTTPConnection(self._place.hostname, self._place.port, timeout=60)
        sent = dict(headers)
        if self._cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        if not self._keep:
            sent["Connection"] = "close"
        try:
            self._connection.request(method, path, body, sent)
            answer = self._connection.getresponse()
            content = answer.read()
        except BaseException:
            self.close()
            raise
        if answer.will_close:
            self.close()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.split(";", 1)[0].partition("=")
            self._cookies[name] = value
        return Answer(answer.status, answer.headers, content)
