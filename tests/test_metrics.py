"""Where the processes of a server count together."""

import subprocess
import sys
from pathlib import Path

SERVER = """
from moderation import metrics
counters = metrics.share()
print(counters, flush=True)
input()
metrics.stop(counters)
"""


def test_what_a_killed_server_has_left_goes_when_another_begins_and_what_a_living_one_has_stays():
    def begin() -> tuple[subprocess.Popen[str], Path]:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return server, Path(server.stdout.readline().strip())

    (killed, left), (living, used) = begin(), begin()
    killed.kill()
    killed.communicate()
    assert left.is_dir()
    another, own = begin()
    assert (left.exists(), used.is_dir(), own.is_dir()) == (False, True, True)
    for server in (living, another):
        server.communicate("\n")
    assert not used.exists()
    assert not own.exists()
