"""`python -m tests.benchmarks NAME …`: one of the benchmarks, each a module with a `main`."""

import sys
from importlib import import_module

NAMES = ("check", "engines", "grid", "index", "load", "precision", "recall", "start", "sweep")

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in NAMES:
        raise SystemExit(f"Please name a benchmark: python -m tests.benchmarks {{{','.join(NAMES)}}} [--help]")
    import_module(f"tests.benchmarks.{sys.argv[1]}").main(sys.argv[2:])
