"""Bounded decoding: what may be expensive is read in a process of its own, which ends when it takes too much."""

import atexit
import contextlib
import fcntl
import logging
import os
import resource
import signal
import struct
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

import numpy as np
from PIL import Image

from . import metrics
from .canonical import UPLOAD_FORMATS, Limits, Pixels, canonical_pixels, check_bytes, encode
from .errors import Busy, Refusal, TooLarge, Unreadable
from .fingerprint import Fingerprint, fingerprint, fingerprint_bytes
from .weighing import is_cheap

log = logging.getLogger(__name__)

GRACE = 1.0
"""Seconds beyond its bound after which a process that should have ended itself is killed."""

START = 30.0
"""Seconds that a helper may take to be ready; on a quiet machine it is half of one."""

TOO_LONG = "This picture takes too long to read. Please save it again or choose another."
TOO_MUCH = "This picture takes too much memory to read. Please save it again or choose another."
BUSY = "Too much is going on to read this picture now. Please try again in a minute."


@dataclass(frozen=True)
class Bounds:
    """What one picture may take: seconds, megabytes of memory; and how many are read apart at a time."""

    seconds: float = 1.25
    megabytes: int = 800
    at_once: int = 2


class Decoder:
    """Reads uploads: cheap ones here and now, the others apart. All processes on a folder take turns at that."""

    def __init__(self, limits: Limits, bounds: Bounds, folder: Path) -> None:
        self.limits = limits
        self._bounds = bounds
        self._folder = folder
        self._turns = threading.BoundedSemaphore(bounds.at_once)

    @staticmethod
    def get_ready() -> None:
        """Start what would have to be started for the first picture that is not cheap."""
        with contextlib.suppress(Busy), _helper():
            pass

    def pixels(self, data: bytes) -> Pixels:
        """As `canonical_pixels`. Raises `Refusal` also where the picture takes too much, or too many wait."""
        check_bytes(data, self.limits)
        return canonical_pixels(data, self.limits) if is_cheap(data) else self._apart(data)

    def fingerprint(self, data: bytes) -> Fingerprint:
        """The fingerprint of a picture of which nothing else is wanted, the fast way where it is cheap."""
        check_bytes(data, self.limits)
        if is_cheap(data):
            return fingerprint_bytes(data, self.limits, every_view=True, formats=UPLOAD_FORMATS)[0]
        return fingerprint(self._apart(data))

    def _apart(self, data: bytes) -> Pixels:
        until = time.monotonic() + self._bounds.seconds
        with self._turn(until), _helper() as helper:
            answer = helper.ask(data, self.limits, self._bounds)
        kind, body = answer[:1], answer[1:]
        if kind == _PICTURE:
            width, height = _SIZE.unpack_from(body)
            return np.frombuffer(body, np.uint8, offset=_SIZE.size).reshape(height, width, 3)
        if kind in (_LONG, _DIED):
            log.warning("A picture of %d bytes was not read: %s", len(data), "time" if kind == _LONG else "memory")
            metrics.went_wrong("decoding")
        raise (TooLarge if kind in (_LARGE, _DIED) else Unreadable)(body.decode())

    @contextlib.contextmanager
    def _turn(self, until: float) -> Iterator[None]:
        """One of the places that all processes share; the system frees that of a process which dies."""
        with contextlib.ExitStack() as held:
            if not self._turns.acquire(timeout=max(0.0, until - time.monotonic())):
                raise Busy(BUSY)
            held.callback(self._turns.release)
            while not any(_locked(held, self._folder / f"decoder.{n}.lock") for n in range(self._bounds.at_once)):
                if time.monotonic() > until:
                    raise Busy(BUSY)
                time.sleep(0.005)
            yield


def _locked(held: contextlib.ExitStack, path: Path) -> bool:
    try:
        file = path.open("a")
    except OSError:
        return True  # a folder that cannot be written to is no reason to refuse
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    held.enter_context(file)
    return True


# --- the helper, as this process sees it -------------------------------------

_PICTURE, _UNREADABLE, _LARGE, _LONG, _DIED = b"P", b"U", b"L", b"S", b"D"

_JOB = struct.Struct("<QQdI")
"""What goes before a file: the limits in bytes and pixels, the bounds in seconds and megabytes."""

_SIZE = struct.Struct("<II")
"""What goes before a picture's pixels: width and height."""


class _Helper:
    """A process that has nothing open and holds no lock, and splits one off for each picture."""

    def __init__(self) -> None:
        self._ours, theirs = Pipe()
        self._ready = False
        with theirs:
            # Settings hold secrets, and it needs none.
            environment = {name: value for name, value in os.environ.items() if not name.startswith("MODERATION_")}
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                env=environment,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for us; and all of it can be killed at once
            )

    def ask(self, data: bytes, limits: Limits, bounds: Bounds) -> bytes:
        try:
            if not self._ready:
                if not self._ours.poll(START):
                    raise EOFError
                self._ours.recv_bytes()
                self._ready = True
            self._ours.send_bytes(_JOB.pack(limits.bytes, limits.pixels, bounds.seconds, bounds.megabytes))
            self._ours.send_bytes(data)
            if self._ours.poll(bounds.seconds + GRACE):
                return self._ours.recv_bytes()
            answer = _LONG + TOO_LONG.encode()
        except (EOFError, OSError):
            answer = _DIED + TOO_MUCH.encode()
        self.kill()
        return answer

    def kill(self) -> None:
        self._ours.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


_idle: list[_Helper] = []


@contextlib.contextmanager
def _helper() -> Iterator[_Helper]:
    """A helper of this process that nobody else uses meanwhile: one that is there, else one that is started."""
    helper = _one_that_lives() or _started()
    try:
        yield helper
    finally:
        if helper.process.poll() is None:
            _idle.append(helper)


def _one_that_lives() -> _Helper | None:
    while True:
        try:
            helper = _idle.pop()
        except IndexError:
            return None
        if helper.process.poll() is None:
            return helper


def _started() -> _Helper:
    try:
        return _Helper()
    except OSError as error:  # no memory for another process, no more files to open
        log.error("A process to read pictures in cannot be started: %s", error)
        metrics.went_wrong("decoding")
        raise Busy(BUSY) from error


def _end() -> None:
    while _idle:
        _idle.pop().kill()


def _forget() -> None:
    """A process that was forked has no helpers: those that it knows are its parent's."""
    for helper in _idle:
        helper.process.returncode = 0  # not to be waited for
    _idle.clear()


atexit.register(_end)
os.register_at_fork(after_in_child=_forget)


# --- the helper itself -------------------------------------------------------


def serve(connection: Connection) -> None:
    """Answer until nobody is there who asks."""
    warnings.simplefilter("ignore")
    # What Pillow loads when it first meets a file, and a process split off ahead: no picture waits for either.
    for file in (b"no picture", encode(Image.new("RGB", (8, 8)))):
        _answer(file, Limits())
    connection.send_bytes(b"ready")
    while child := os.fork():
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            long = os.WTERMSIG(status) == signal.SIGALRM
            connection.send_bytes(_LONG + TOO_LONG.encode() if long else _DIED + TOO_MUCH.encode())
        elif status:
            return
    os._exit(_read_one(connection))


def _read_one(connection: Connection) -> int:
    """In a process of its own: answer once, or be ended by the system where that would take too much."""
    try:
        most_bytes, most_pixels, seconds, megabytes = _JOB.unpack(connection.recv_bytes())
        data = connection.recv_bytes()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        # Memory that is written to, beyond what is there already.
        most = _data_bytes() + megabytes * 1000**2
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")  # when memory is out, this goes first
        answer = _answer(data, Limits(most_bytes, most_pixels))
        signal.setitimer(signal.ITIMER_REAL, 0)  # an answer is given whole or not at all
        connection.send_bytes(answer)
    except BaseException:  # nobody is there any more
        return 1
    return 0


def _answer(data: bytes, limits: Limits) -> bytes:
    try:
        pixels = canonical_pixels(data, limits)
        height, width, _ = pixels.shape
        return _PICTURE + _SIZE.pack(width, height) + pixels.tobytes()
    except TooLarge as refusal:
        return _LARGE + str(refusal).encode()
    except Refusal as refusal:
        ran_out = isinstance(refusal.__cause__, MemoryError)
        return _DIED + TOO_MUCH.encode() if ran_out else _UNREADABLE + str(refusal).encode()


def _data_bytes() -> int:
    """The memory that this process has to itself, in bytes; 0 where that is not told."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    except OSError:
        return 0


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
