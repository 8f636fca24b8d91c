"""Reading many picture files over all cores."""

import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path
from types import FrameType

from .folders import Reading, Unread
from .memory import keep_memory
from .weighing import is_cheap

CHUNK = 16
"""Files that a worker is given at a time: a task costs about a millisecond, a picture about two."""

FIRST = 8
"""So many files this process reads itself, to see how long they take, unless there are too many to ask."""

LEAST = 0.0007
"""Seconds that a file takes at the least."""

WORTH_IT = 1.0
"""Seconds that the rest must look like taking for workers to be started: that takes up to a second itself."""

WORTH_A_FORK = 0.1
"""The same where they split off this process, which takes a hundredth of one."""

AHEAD = 4
"""Chunks for each worker that are in hand at a time, so that none waits while an answer is fetched."""


DIED = "The process that read this file died of it: it is too large, or hostile."

SECONDS = 60.0
"""That one file may take. The process that reads it is ended then, and the others are read."""

LARGE = 20 * 1000 * 1000
"""Bytes of a file above which it is not even looked at to see whether it is cheap to read."""


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_all(
    paths: Sequence[Path], read: Callable[[Path], Reading], workers: int | None = None
) -> Generator[Reading, None, None]:
    """Each file's reading, in the order of the paths, as they come.

    `read` is a function that can be pickled and does not raise. A file that kills the process which reads it, or takes
    more than `SECONDS`, gives a sentence too.
    """
    workers = min(workers or cores(), -(-len(paths) // CHUNK))
    here = 0
    for reading in _here(paths, read, forever=workers < 2):
        here += 1
        yield reading
    yield from _spread(paths[here:], read, max(1, workers))


def _here(paths: Sequence[Path], read: Callable[[Path], Reading], forever: bool) -> Iterator[Reading]:
    """The readings of the first files, until it is worth starting workers for those that are left.

    Or until one comes that may take long: this process could not be ended for it.
    """
    spent = 0.0
    enough = min(WORTH_IT, WORTH_A_FORK) if _method() == "fork" else WORTH_IT
    for number, path in enumerate(paths):
        each = spent / (number - 1) if number > FIRST else LEAST
        if not forever and each * (len(paths) - number) > enough:
            return
        if not _cheap(path):
            return
        started = time.perf_counter()
        reading = read(path)
        # The very first imports and sets up what the others find ready.
        spent += time.perf_counter() - started if number else 0.0
        yield reading


def _spread(paths: Sequence[Path], read: Callable[[Path], Reading], workers: int) -> Iterator[Reading]:
    chunks = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    done = 0
    while done < len(chunks):
        try:
            with closing(_over_workers(chunks[done:], read, workers)) as answers:
                for readings in answers:
                    done += 1
                    yield from readings
        except BrokenProcessPool:
            # One file has killed its worker, and it may be any of those in hand: they go one by one.
            for chunk in chunks[done : done + AHEAD * workers]:
                done += 1
                yield from _one_by_one(chunk, read)


def _over_workers(
    chunks: Sequence[Sequence[Path]], read: Callable[[Path], Reading], workers: int
) -> Generator[list[Reading], None, None]:
    pool = _pool(workers)
    waiting: deque[Future[list[Reading]]] = deque()
    try:
        for chunk in chunks:
            with _undisturbed():
                waiting.append(pool.submit(_read_chunk, read, chunk, SECONDS))
            if len(waiting) >= AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _one_by_one(paths: Sequence[Path], read: Callable[[Path], Reading]) -> Iterator[Reading]:
    pool = _pool(1)
    try:
        for path in paths:
            try:
                started = time.monotonic()
                with _undisturbed():
                    answer = pool.submit(_read_chunk, read, [path], SECONDS)
                (reading,) = answer.result()
            except BrokenProcessPool:
                pool.shutdown()
                pool = _pool(1)
                long = time.monotonic() - started >= SECONDS
                reading = Unread(path, f"Reading this file takes more than {SECONDS:g} seconds." if long else DIED)
            yield reading
    finally:
        pool.shutdown(cancel_futures=True)


def _pool(workers: int) -> ProcessPoolExecutor:
    method = _method()
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(["moderation.folders"])  # imported once for all workers
    all_there = context.Event()
    pool = ProcessPoolExecutor(workers, context, _prepare, (all_there,))
    try:
        if workers > 1:
            # None is started later: one that is while another dies, Python up to 3.12 forgets to end, and waits for it
            # for ever. None is idle before all are there, so that each of these starts one.
            with _undisturbed():
                for _ in range(workers):
                    pool.submit(os.getpid)
    finally:
        all_there.set()  # after Ctrl-C, too: this process ends when they have, and they would wait
    return pool


def _method() -> str:
    """How workers are started: the quickest way; but it would copy the locks that this process's other threads hold."""
    known = multiprocessing.get_all_start_methods()
    return "fork" if "fork" in known and _single() else "forkserver" if "forkserver" in known else "spawn"


def _prepare(all_there: Event) -> None:
    warnings.simplefilter("ignore")
    keep_memory()
    all_there.wait()


def _single() -> bool:
    """Whether this process is known to have one thread only."""
    try:
        return len(list(Path("/proc/self/task").iterdir())) == 1
    except OSError:
        return False


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C waits while workers may be started. They inherit that, and so leave it to the process that asked."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python tells the main thread alone
        return
    came: list[FrameType | None] = []
    # Both: the mask is what workers inherit, but a thread of some library may take the signal all the same.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    handler = signal.signal(signal.SIGINT, lambda _signal, frame: came.append(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    if came and callable(handler):
        handler(signal.SIGINT, came[0])


def _read_chunk(read: Callable[[Path], Reading], paths: Sequence[Path], seconds: float) -> list[Reading]:
    """In a worker, which the system ends when a file takes longer than that."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    readings = []
    for path in paths:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        readings.append(read(path))
    signal.setitimer(signal.ITIMER_REAL, 0)
    return readings


def _cheap(path: Path) -> bool:
    """Whether reading the file is known to take little; or not to be possible, which is told at once."""
    try:
        return not path.is_file() or (path.stat().st_size <= LARGE and is_cheap(path.read_bytes()))
    except OSError:
        return True
