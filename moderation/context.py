"""The running app's parts, for the edges."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from flask import Flask, current_app

from .parts import Parts

EXTENSION = "moderation"

P = ParamSpec("P")
R = TypeVar("R")


def parts() -> Parts:
    """What the app that serves this request, or runs this command, is made of."""
    return cast(Parts, current_app.extensions[EXTENSION])


def apart(do: Callable[P, R]) -> Callable[P, R]:
    """The same for another thread: with this app, and a session of its own. What it returns must need neither."""
    app = cast(Flask, current_app._get_current_object())  # type: ignore[attr-defined]

    def there(*args: P.args, **kwargs: P.kwargs) -> R:
        with app.app_context():
            return do(*args, **kwargs)

    return there
