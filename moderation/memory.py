"""The memory of a process that reads one picture after the other: what it has got, it keeps."""

import ctypes
import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

MEGABYTE = 1 << 20

# Of malloc.h: from which size on a block comes from the system and goes back to it, how much may lie unused at the end
# of a heap, and between how many heaps the threads are spread, each of which fills up to what the largest picture took.
M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_ARENA_MAX = -3, -1, -8

UNUSED = 64 * MEGABYTE
"""Bytes at the end of a heap that stay there for the next picture, until they are given back."""

HEAPS = 2


def keep_memory() -> None:
    """Keep the memory of one picture for the next: to ask the system for it anew can take as long as to decode one.

    Where the C library is glibc; others are left as they are.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(M_MMAP_THRESHOLD, 16 * MEGABYTE)
        library.mallopt(M_TRIM_THRESHOLD, UNUSED)
        library.mallopt(M_ARENA_MAX, HEAPS)


def give_back() -> None:
    """Let the system have what lies unused. Now and then: the next picture asks for some anew.

    What refers to itself in a circle is let go of first: by itself, Python's collector comes by more and more seldom.
    Where the C library is glibc.
    """
    gc.collect()
    library = ctypes.CDLL(None)
    if not hasattr(library, "malloc_trim"):
        return
    # It goes through what lies between blocks in use, and the end of the first heap. The other one's end is given back
    # where a thread of that heap frees something large; threads that begin are spread over the heaps in turn.
    library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    library.mallopt(M_TRIM_THRESHOLD, 0)
    with suppress(RuntimeError):  # no further thread can be started now
        for _ in range(HEAPS):
            thread = threading.Thread(target=lambda: library.free(library.malloc(MEGABYTE)))
            thread.start()
            thread.join()
    library.mallopt(M_TRIM_THRESHOLD, UNUSED)
    library.malloc_trim(0)


@contextmanager
def loading() -> Iterator[None]:
    """Modules are loaded meanwhile: what is theirs stays, and Python's collector leaves it out from now on.

    To look through all of it again and again takes a third of the time that a command needs to start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def set_aside() -> None:
    """What is there by now stays: Python's collector leaves it out from now on.

    To go through all of it again and again, it would let a request wait for as long as it takes to make two pages.
    """
    gc.collect()
    gc.freeze()
