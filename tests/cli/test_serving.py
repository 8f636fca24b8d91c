"""`moderation serve` and `moderation demo`, as processes of their own."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def running(*words: str, **environment: str) -> Iterator[Callable[[str], str]]:
    """The command while it runs; call the result with a pattern to wait for it in what the command prints."""
    command = subprocess.Popen(
        [sys.executable, "-m", "moderation", *words],
        env=os.environ | {"MODERATION_DURABLE": "false", "PYTHONUNBUFFERED": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Where the tests themselves run in the background, they and all that they start would be deaf to Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    printed = ""

    def wait_for(pattern: str) -> str:
        nonlocal printed
        while not (found := re.search(pattern, printed)):
            line = command.stdout.readline()
            assert line, f"It ended without saying {pattern!r}:\n{printed}"
            printed += line
        return found[0]

    try:
        yield wait_for
    finally:
        command.send_signal(signal.SIGINT)
        command.stdout.read()
        command.wait(timeout=30)
        command.stdout.close()


def page(url: str) -> str:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError:
            raise
        except OSError:
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.05)


def test_serve_makes_the_instance_says_where_and_prints_a_set_up_link_while_there_is_no_admin(tmp_path: Path) -> None:
    folder, port = tmp_path / "site", free_port()
    with running("serve", "--port", str(port), "--instance", str(folder)) as wait_for:
        wait_for(re.escape(str(folder)))
        link = wait_for(r"http://\S+/setup/\S+")
        assert "Set up the site" in page(link)
    assert (folder / "moderation.sqlite").is_file()
    key = folder / "secret_key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_text()) >= 32


def test_the_set_up_link_has_the_name_that_the_site_goes_by(tmp_path: Path) -> None:
    port, words = free_port(), ("--instance", str(tmp_path / "site"))
    with running("serve", "--port", str(port), *words, MODERATION_HOSTS=".localhost pictures.example") as wait_for:
        link = wait_for(r"http\S+/setup/\S+")
        assert link.startswith(f"http://localhost:{port}/")
        assert "Set up the site" in page(link)
    behind = {"MODERATION_HOSTS": "pictures.example", "MODERATION_PROXIES": "1"}
    with running("serve", "--port", str(port), *words, **behind) as wait_for:
        assert wait_for(r"http\S+/setup/").startswith("https://pictures.example/setup/")
        with pytest.raises(urllib.error.HTTPError, match="400"):  # and under another it answers nothing
            page(f"http://127.0.0.1:{port}/sign-in")


CTRL_C_WHILE_AN_OBJECT_GOES = """
import signal, sys, weakref
from moderation import cli, server

class Thing:
    pass

def serve(*_):
    thing = Thing()
    watched = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
    del thing

server.serve = serve
cli.main(sys.argv[1:])
"""


def ended(script: str, folder: Path, heard: signal.Signals) -> int:
    """How `serve` ends in that script, which hears that signal."""
    words = "serve", "--port", str(free_port()), "--instance", folder
    return subprocess.run(
        [sys.executable, "-c", script, *words], preexec_fn=lambda: signal.signal(heard, signal.SIG_DFL)
    ).returncode


def test_ctrl_c_is_not_lost_while_the_server_starts(tmp_path: Path) -> None:
    assert ended(CTRL_C_WHILE_AN_OBJECT_GOES, tmp_path, signal.SIGINT) == -signal.SIGINT


def test_the_instance_may_be_named_before_the_command_or_in_the_environment(tmp_path: Path) -> None:
    for number, (words, environment) in enumerate(
        [
            (["--instance", str(tmp_path / "0"), "tokens", "add", "chat"], {}),
            (["tokens", "add", "chat", "--instance", str(tmp_path / "1")], {}),
            (["tokens", "add", "chat"], {"MODERATION_INSTANCE": str(tmp_path / "2")}),
        ]
    ):
        subprocess.run([sys.executable, "-m", "moderation", *words], env=os.environ | environment, check=True)
        assert (tmp_path / str(number) / "moderation.sqlite").is_file()


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_that_is_taken_is_said_in_one_sentence(tmp_path: Path, command: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        words = [sys.executable, "-m", "moderation", command, "--port", str(port)]
        environment = os.environ | {"MODERATION_INSTANCE": str(tmp_path)}
        answer = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert answer.returncode == 2
    assert answer.stderr.strip() == f"Error: Cannot listen on 127.0.0.1, port {port}: Address already in use."


def test_the_demo_prints_its_accounts_lives_and_leaves_nothing_behind(tmp_path: Path) -> None:
    port = free_port()
    with running("demo", "--port", str(port), "--every", "0.2", TMPDIR=str(tmp_path)) as wait_for:
        wait_for("Open http")
        for role in ("member", "moderator", "admin"):
            wait_for(rf"{role} +\S+ +password \S+")
        assert "Sign in" in page(f"http://127.0.0.1:{port}/sign-in")
        [folder] = tmp_path.glob("moderation-demo-*")
        before = len(list(folder.rglob("*.jpg")))
        deadline = time.monotonic() + 60
        while len(list(folder.rglob("*.jpg"))) == before:
            assert time.monotonic() < deadline, "Nobody uploads."
            time.sleep(0.1)
    assert not list(tmp_path.glob("moderation-demo-*"))
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=1)
