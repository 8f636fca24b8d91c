"""Keeps indecent pictures off a site of members' profile pictures."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import create_app

# Our products of matrices are small: threads for them only wait for each other. Heard by numpy when it is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:
    # Only when asked for: a worker that fingerprints a folder has no need of the web.
    if name == "create_app":
        from .app import create_app

        return create_app
    raise AttributeError(name)
