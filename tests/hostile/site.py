"""A member of the real server who sends what no browser would, and the server's processes as the system sees them."""

import html
import http.client
import re
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from tests.conftest import PASSWORD

BOUNDARY = "hostile-boundary"


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    seconds: float
    """Until the answer to what was sent, not to the page that it leads to."""

    @property
    def sentence(self) -> str:
        """What the page says to the person, of an upload or of anything that did not work."""
        said = re.search(r'role="(?:alert|status)"[^>]*>\s*(?:<p>)?([^<]+)<', self.text) or re.search(
            r"<h1>[^<]*</h1>\s*<p>([^<]+)</p>", self.text
        )
        return html.unescape(said[1]).strip() if said else ""


class Member:
    """Somebody who is signed in, over one connection that is kept."""

    def __init__(self, site: str, name: str) -> None:
        self.address = site.removeprefix("http://")
        self._connection = http.client.HTTPConnection(self.address, timeout=30)
        self._cookies: dict[str, str] = {}
        page = self.get("/sign-in")
        form = urlencode({"name": name, "password": PASSWORD, "csrf_token": token(page.text)}).encode()
        landed = self.send("POST", "/sign-in", form, {"Content-Type": "application/x-www-form-urlencoded"})
        assert landed.status == 200, landed.text
        self.token = token(self.get("/picture").text)

    def close(self) -> None:
        self._connection.close()

    def get(self, path: str) -> Answer:
        return self.send("GET", path)

    def upload(self, data: bytes, name: str = "holiday.jpg", kind: str = "image/jpeg") -> Answer:
        return self.post("/picture", ("picture", name, kind, data))

    def post(self, path: str, *files: tuple[str, str, str, bytes]) -> Answer:
        body = form(self.token, *files)
        return self.send("POST", path, body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})

    def headers(self) -> dict[str, str]:
        """What shows who it is."""
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}

    def send(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        """What comes in answer, where that sends a browser on the page that it is sent to."""
        started = time.perf_counter()
        try:
            self._connection.request(method, path, body, {**self.headers(), **(headers or {})})
            answer = self._connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            # The server does not keep a connection on which it has left something unread.
            self._connection.close()
            self._connection.request(method, path, body, {**self.headers(), **(headers or {})})
            answer = self._connection.getresponse()
        text = answer.read().decode()
        seconds = time.perf_counter() - started
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        if 300 <= answer.status < 400:
            landed = self.get(answer.headers["Location"])
            return Answer(landed.status, landed.text, seconds)
        return Answer(answer.status, text, seconds)


def form(token: str, *files: tuple[str, str, str, bytes]) -> bytes:
    """The body of a form with the token and files: field, name, content type, content."""
    parts = [(b'name="csrf_token"', token.encode())]
    for field, name, kind, content in files:
        plain = name.isascii() and name.isprintable() and '"' not in name and "\\" not in name
        called = f'filename="{name}"' if plain else f"filename*=UTF-8''{quote(name, safe='')}"
        parts.append((f'name="{field}"; {called}\r\nContent-Type: {kind}'.encode(), content))
    edge = f"--{BOUNDARY}".encode()
    return (
        b"".join(
            edge + b"\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + body + b"\r\n" for head, body in parts
        )
        + edge
        + b"--\r\n"
    )


def token(page: str) -> str:
    found = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', page) or re.search(
        r'name="csrf_token" value="([^"]+)"', page
    )
    assert found
    return found[1]


def workers(instance: Path) -> list[int]:
    """The processes of the server on that instance that answer requests."""
    serving = {pid: _parent(pid) for pid in _pids() if str(instance) in _said(pid) and "serve" in _said(pid)}
    return [pid for pid, parent in serving.items() if parent in serving]


def decoders(of: list[int]) -> list[int]:
    """The processes in which those read what may be expensive."""
    return [pid for pid in _pids() if "moderation.decoder" in _said(pid) and _parent(pid) in of]


def memory(pid: int, what: str = "VmRSS") -> int:
    """Megabytes: now, or with `VmHWM` the most that it ever was."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split(f"{what}:")[1].split()[0]) // 1000


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _said(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
