"""What a worker keeps of its memory, and what it gives back."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from flask import Flask

from moderation import server

LOOK = """
import ctypes, re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from moderation.memory import give_back, keep_memory

if not hasattr(ctypes.CDLL(None), "malloc_trim"):
    raise SystemExit("no glibc")

def held() -> int:
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

def work():
    pictures = [bytes([number % 256]) * 1_000_000 for number in range(50)]
    yield
    kept = pictures.pop(KEPT)
    pictures.clear()
    yield

keep_memory()
steps = work()
with ThreadPoolExecutor(1) as apart:
    look = (lambda: apart.submit(next, steps).result()) if APART else (lambda: next(steps))
    look()
    in_use = held()
    look()
    kept = held()
    give_back()
    print(in_use, kept, held())
"""


@pytest.mark.parametrize("kept", [0, 49])
@pytest.mark.parametrize("apart", [False, True])
def test_memory_is_kept_for_the_next_picture_and_given_back_now_and_then(apart: bool, kept: int) -> None:
    """In either heap, and what is unused lies at its end or before a block that is in use."""
    look = LOOK.replace("KEPT", str(kept)).replace("APART", str(apart))
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True)
    if "no glibc" in done.stderr:
        pytest.skip("another C library")
    in_use, unused, given_back = map(int, done.stdout.split())
    assert unused > in_use - 10
    assert given_back < in_use - 40


LOADED = """
import gc, sys
from moderation.cli import main

main(["accounts", "list", "--instance", sys.argv[1]], standalone_mode=False)
print(gc.isenabled(), gc.get_freeze_count(), "alembic" in sys.modules)
"""


def test_a_command_loads_what_it_needs_and_the_collector_leaves_that_out(instance: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LOADED, instance], capture_output=True, text=True, check=True)
    enabled, left_out, migrates = done.stdout.splitlines()[-1].split()
    assert enabled == "True"
    assert int(left_out) > 50_000
    assert migrates == "False", "the database has its tables"


def test_the_caretaker_of_a_worker_sees_to_it(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    given, stop = threading.Event(), threading.Event()
    monkeypatch.setattr(server, "give_back", given.set)
    monkeypatch.setattr(server, "CARE_SECONDS", 0.01)
    monkeypatch.setattr(server, "TIDY", 3)
    caretaker = threading.Thread(target=server._care, args=(app, stop))
    caretaker.start()
    assert given.wait(30)
    stop.set()
    caretaker.join(30)
    assert not caretaker.is_alive()
