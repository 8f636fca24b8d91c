"""Requests that no browser sends, and names that nobody gives a file: a sentence for each, and nothing is broken."""

import re
import socket
import time
from collections.abc import Callable

import pytest
from markupsafe import escape

from moderation.models import Role
from moderation.patience import PATIENCE

from .files import NAMES, laden
from .site import BOUNDARY, Answer, Member, form

FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}

pytestmark = pytest.mark.only("sqlite")


@pytest.fixture
def mia(member: Callable[[str], Member]) -> Member:
    return member("mia")


def test_forms_that_are_not_as_they_should_be_are_told_so(mia: Member, draw: Callable) -> None:
    good = ("picture", "a.jpg", "image/jpeg", draw(1))
    whole = form(mia.token, good)

    def sent(body: bytes, kind: str = FORM["Content-Type"]) -> Answer:
        return mia.send("POST", "/picture", body, {"Content-Type": kind})

    said = {
        "no file": mia.post("/picture"),
        "no name": mia.post("/picture", ("picture", "", "image/jpeg", draw(1))),
        "another field": mia.post("/picture", ("image", "a.jpg", "image/jpeg", draw(1))),
        "an empty file": mia.upload(b""),
        "one byte too many": mia.upload(b"x" * 10_000_001),
        "twice too many": mia.upload(b"x" * 20_000_000),
        "a file for the token": mia.send(
            "POST", "/picture", form(mia.token, good).replace(b'"csrf_token"', b'"c"'), FORM
        ),
        "no form at all": sent(draw(1), "image/jpeg"),
        "another boundary": sent(whole, "multipart/form-data; boundary=other"),
        "no boundary": sent(whole, "multipart/form-data"),
        "a boundary of 5 kB": sent(whole, f"multipart/form-data; boundary={'b' * 5_000}"),
        "a form of another kind": sent(whole, "application/x-www-form-urlencoded"),
        "cut in the file": sent(whole[:-5000]),
        "cut in its head": sent(whole[:230]),
        "without an end": sent(whole[: -len(BOUNDARY) - 8]),
        "a thousand files and one": mia.post("/picture", *[("x", "a.jpg", "image/jpeg", b"x")] * 1001),
        "a long field": sent(form("x" * 600_000, good)),
        "no content type for the file": sent(whole.replace(b"Content-Type: image/jpeg\r\n", b"")),
        "another content type for the file": mia.upload(
            draw(1), kind="text/html; charset=\udcff".encode("utf-8", "ignore").decode()
        ),
        "two files": mia.post("/picture", good, ("picture", "b.jpg", "image/jpeg", draw(2))),
    }
    statuses = {what: answer.status for what, answer in said.items()}
    assert {what for what, status in statuses.items() if status == 200} == {
        "no content type for the file",
        "another content type for the file",
        "two files",
    }
    assert all(status == 200 or 400 <= status < 500 for status in statuses.values()), statuses
    assert [what for what, answer in said.items() if not answer.sentence] == []
    assert said["no file"].sentence == said["no name"].sentence == "Please choose a picture first."
    assert said["one byte too many"].sentence.startswith("The file is larger than 10 MB.")
    assert said["twice too many"].sentence.startswith("The file is larger than 10 MB.")
    assert (said["one byte too many"].status, said["twice too many"].status) == (413, 413)
    assert mia.upload(draw(3)).sentence == "Your new profile picture is on show."


def raw(member: Member, head: str, body: bytes = b"", *, pause: float = 0.0) -> bytes:
    """What the server answers to those very bytes, until it closes the connection."""
    host, _, port = member.address.partition(":")
    cookies = "".join(f"{name}: {value}\r\n" for name, value in member.headers().items())
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(f"{head}\r\nHost: {member.address}\r\nConnection: close\r\n{cookies}\r\n".encode())
        for start in range(0, len(body), 65_536):
            connection.sendall(body[start : start + 65_536])
            time.sleep(pause)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    return answer


def status_of(answer: bytes) -> int:
    return int(answer.split()[1]) if answer else 0


def test_lengths_that_are_lies_and_bodies_in_pieces(mia: Member, draw: Callable) -> None:
    body = form(mia.token, ("picture", "a.jpg", "image/jpeg", draw(1)))
    post = f"POST /picture HTTP/1.1\r\nContent-Type: {FORM['Content-Type']}\r\n"
    pieces = b"".join(
        b"%x\r\n%s\r\n" % (len(body[n : n + 5000]), body[n : n + 5000]) for n in range(0, len(body), 5000)
    )
    chunked = f"{post}Transfer-Encoding: chunked"

    assert status_of(raw(mia, f"{post}Content-Length: {len(body)}", body, pause=0.05)) == 302
    assert status_of(raw(mia, chunked, pieces + b"0\r\n\r\n")) in (302, 400, 411, 413)
    for head, sent in {
        "longer than it is": (f"{post}Content-Length: {len(body) + 5000}", body),
        "shorter than it is": (f"{post}Content-Length: {len(body) // 2}", body[: len(body) // 2]),
        "negative": (f"{post}Content-Length: -1", body),
        "no number": (f"{post}Content-Length: many", body),
        "a terabyte": (f"{post}Content-Length: {10**12}", b"x"),
        "none": (post.rstrip(), b""),
        "two of them": (f"{post}Content-Length: 5\r\nContent-Length: {len(body)}", body),
        "beside pieces": (f"{post}Content-Length: {len(body)}\r\nTransfer-Encoding: chunked", pieces + b"0\r\n\r\n"),
        "pieces without an end": (chunked, pieces),
        "pieces of no length": (chunked, b"zz\r\n" + body),
        "a piece of an exabyte": (chunked, b"ffffffffffffffff\r\n" + body),
        "packed": (f"{post}Content-Encoding: gzip\r\nContent-Length: {len(body)}", b"\x1f\x8b" + bytes(100)),
        "a long line": (f"GET /{'a' * 20_000} HTTP/1.1", b""),
        "many headers": ("GET /picture HTTP/1.1\r\n" + "\r\n".join(f"X-{n}: y" for n in range(500)), b""),
        "no HTTP": ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b""),
    }.values():
        # Where nobody is there any more to hear it, no answer is one too.
        # And where the whole form is there, nothing else is waited for.
        assert status_of(raw(mia, head, sent)) in {0, 302, *range(400, 500)}, head
    assert mia.upload(draw(2)).sentence == "Your new profile picture is on show."


def test_names_are_shown_to_admins_as_text_and_do_nothing(member: Callable[..., Member]) -> None:
    root = member("root", Role.ADMIN)
    for number, name in enumerate(NAMES):
        # Only so many are named on a page, so each is sent by itself.
        for content in (b"no picture", laden("JPEG")):
            file = ("file", name, "image/jpeg", content)
            looked = root.post("/admin/import", file)
            if "\0" in name:
                assert (looked.status, looked.sentence) == (400, "This request cannot be understood.")
                continue
            assert looked.status == 200, name
            said = [looked.text] if content.startswith(b"no") else []
            if content.startswith(b"no") or number == 0:
                said.append(root.post("/admin/known-good", file).text)
            for page in said:
                for bad in (
                    "<script>",
                    "X-Injected: yes\r",
                    "\u202e",
                    "\u2067",
                    "\u200f",
                    "\0",
                    "/etc/",
                    "..\\",
                    "x" * 90,
                ):
                    assert bad not in page.partition("<main")[2], name
                assert "7 * 7" not in name or "49%" not in page
            if name.strip() and said:
                assert str(escape(last_part(name))) in said[0], name
    # All of them in one go, and the page that follows still says what there was, in a cookie that browsers keep.
    files = [("file", name, "image/jpeg", b"no picture") for name in NAMES if "\0" not in name]
    answer = root.post("/admin/known-good", *files)
    assert answer.status == 200
    assert "more files were looked at" in answer.text
    assert len(root.headers()["Cookie"]) < 4000


def last_part(name: str) -> str:
    """The start of what is left of a name."""
    last = re.split(r"[/\\\\]", name.replace("\0", "\ufffd"))[-1].strip()
    return "".join(one if one.isprintable() else "\ufffd" for one in last)[:15]


@pytest.mark.long
def test_who_sends_slowly_keeps_nobody_else_waiting_for_long(mia: Member, draw: Callable) -> None:
    host, _, port = mia.address.partition(":")
    slow = [socket.create_connection((host, int(port)), timeout=30) for _ in range(8)]
    try:
        for number, connection in enumerate(slow):
            head = b"POST /picture HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
            connection.sendall(head if number % 2 else head + b"\r\n" + bytes(1000))
        started = time.monotonic()
        # Every thread of every worker waits, until their time is out.
        assert mia.upload(draw(1)).status == 200
        assert time.monotonic() - started < PATIENCE + 5
        for connection in slow:
            connection.settimeout(PATIENCE + 5)
            assert connection.recv(100)[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 302")
    finally:
        for connection in slow:
            connection.close()


@pytest.mark.long
def test_who_sends_steadily_is_waited_for(mia: Member, draw: Callable) -> None:
    body = form(mia.token, ("picture", "a.jpg", "image/jpeg", draw(1) + bytes(900_000)))
    head = f"POST /picture HTTP/1.1\r\nContent-Type: {FORM['Content-Type']}\r\nContent-Length: {len(body)}"
    started = time.monotonic()
    assert status_of(raw(mia, head, body, pause=0.8)) == 302
    assert time.monotonic() - started > PATIENCE
