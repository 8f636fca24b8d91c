"""The memory of a process that reads one picture after the other: what it has got, it keeps."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

MEGABYTE = 1 << 20

# Of malloc.h: from which size on a block comes from the system and goes back to it, how much may lie unused, and
# between how many heaps the threads are spread, each of which fills up to what the largest picture took.
M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_ARENA_MAX = -3, -1, -8


def keep_memory() -> None:
    """Keep the memory of one picture for the next: to ask the system for it anew can take as long as to decode one.

    Where the C library is glibc; others are left as they are.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option:
        set_option(M_MMAP_THRESHOLD, MEGABYTE * 16)
        set_option(M_TRIM_THRESHOLD, MEGABYTE * 64)
        set_option(M_ARENA_MAX, 2)


def give_back() -> None:
    """Let the system have what lies unused between blocks in use. Now and then: the next picture asks for some anew.

    What refers to itself in a circle is let go of first: by itself, Python's collector comes by more and more seldom.
    Where the C library is glibc.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)


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
