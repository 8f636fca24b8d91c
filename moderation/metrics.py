"""What a running site counts, for Prometheus, in all its processes together."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which the library is told where processes count together."""

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
"""Where the counters lie, if there is such a place: a file that is mapped on a full disk ends its process."""

PREFIX, ALIVE = "moderation-metrics-", "alive"
"""How such folders are called, and the file in each that is locked as long as a process of its server lives."""

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The buckets of durations."""

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
"""Of requests, those that are told apart."""


class Counted:
    """The counters, made at the first use.

    The library is imported here: it decides at its import, by the environment, whether processes count together.
    """

    def __init__(self) -> None:
        from prometheus_client import Counter, Histogram

        self.checks: Counter = Counter(
            "moderation_checks", "Pictures compared with the blocklist, by what came of it.", ["occasion", "verdict"]
        )
        self.check_seconds: Histogram = Histogram(
            "moderation_check_seconds", "How long a comparison took.", buckets=SECONDS
        )
        self.requests: Counter = Counter("moderation_requests", "Requests answered.", ["method", "route", "status"])
        self.request_seconds: Histogram = Histogram(
            "moderation_request_seconds", "How long an answer took.", ["route"], buckets=SECONDS
        )
        self.errors: Counter = Counter("moderation_errors", "What went wrong, by kind.", ["kind"])


@cache
def counted() -> Counted:
    return Counted()


def checked(occasion: str, verdict: str, seconds: float, failed: bool) -> None:
    """One comparison of a picture with the blocklist is done."""
    counted().checks.labels(occasion, verdict).inc()
    counted().check_seconds.observe(seconds)
    if failed:
        went_wrong("check")


def answered(method: str, route: str, status: int, seconds: float) -> None:
    """One request is answered."""
    # Anybody may send any word for a method, and each would be kept.
    counted().requests.labels(method if method in METHODS else "other", route, str(status)).inc()
    counted().request_seconds.labels(route).observe(seconds)


def went_wrong(kind: str) -> None:
    """Something could not be done: "check", "database", "decoding", "store", "file missing" or "defect"."""
    counted().errors.labels(kind).inc()


def registry() -> "CollectorRegistry":
    """What all processes have counted; only this one's where it runs alone."""
    from prometheus_client import REGISTRY, CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    counted()
    if SHARED not in os.environ:
        return REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together


def share() -> Path:
    """From now on, the processes that are started from this one count together: in that folder, gone with `stop`.

    What servers that were killed have left goes now: it takes up memory.
    """
    place = MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    for left in place.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), (left / ALIVE).open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            stop(left)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    lock = os.open(folder / "begins", os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)  # until this process, and all that are forked from it, have ended
    (folder / "begins").rename(folder / ALIVE)
    os.environ[SHARED] = str(folder)
    return folder


def stop(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
