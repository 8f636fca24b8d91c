"""A server's worker that nobody keeps from others by sending slowly, and that writes down nothing of what is sent."""

import contextlib
import copy
import socket
import time
import traceback
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

PATIENCE = 10.0
"""Seconds that a request may take to arrive, and more for what has arrived of it:"""

RATE = 20_000
"""Bytes for each further second."""


class Counted(socket.socket):
    """A connection that counts the bytes that came over it."""

    received = 0

    def recv(self, *args: Any) -> bytes:
        data = super().recv(*args)
        self.received += len(data)
        return data


class Discreet:
    """The log as gunicorn knows it, for one request that failed: of that it has the kind of error alone."""

    def __init__(self, log: Any, error: Exception) -> None:
        self._log = log
        self._error = error

    def warning(self, *_: Any) -> None:
        self._log.warning("A request was invalid: %s", type(self._error).__name__)

    def exception(self, *_: Any) -> None:
        where = "".join(traceback.format_tb(self._error.__traceback__))
        self._log.error("A request failed: %s\n%s", type(self._error).__name__, where)

    def access(self, *_: Any) -> None:
        """Ours are written where requests are answered."""

    def debug(self, *_: Any) -> None:
        """Nothing."""


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's worker with threads, each of which waits for a request as long as it keeps coming, and no longer."""

    def init_process(self) -> None:
        self._begun: dict[Any, tuple[float, int]] = {}
        super().init_process()

    def enqueue_req(self, conn: Any) -> None:
        if not isinstance(conn.sock, Counted):
            conn.sock = Counted(fileno=conn.sock.detach())
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        self._begun[conn] = time.monotonic(), conn.sock.received
        try:
            return super().handle(conn)
        finally:
            self._begun.pop(conn, None)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """gunicorn's answer to what is no request; its line in the log would have address, path and secrets in it."""
        discreet = copy.copy(self)
        discreet.log = Discreet(self.log, exc)
        super(PatientWorker, discreet).handle_error(req, client, addr, exc)

    def murder_keepalived(self, *args: Any, **more: Any) -> None:
        """Once a second, by gunicorn's clock: what it lets go of, and what is too slow."""
        super().murder_keepalived(*args, **more)
        now = time.monotonic()
        for conn, (begun, before) in list(self._begun.items()):
            if now - begun > PATIENCE + (conn.sock.received - before) / RATE:
                # Nothing more is read; whoever is being answered already still is.
                with contextlib.suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RD)
