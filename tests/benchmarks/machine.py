"""Where and when something was measured."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import PIL

from moderation.memory import give_back


def heading() -> str:
    """A line for above a table: date, processor, cores, versions."""
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {_processor()}, {len(os.sched_getaffinity(0))} cores; "
        f"Python {platform.python_version()}, numpy {np.__version__}, Pillow {PIL.__version__}"
    )


def held() -> float:
    """The megabytes that this process has in memory, without what lies unused between what it uses."""
    give_back()
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def reached(well: bool) -> str:
    return "reached" if well else "**missed**"
