"""The running app's parts, for the edges."""

from typing import cast

from flask import current_app

from .parts import Parts

EXTENSION = "moderation"


def parts() -> Parts:
    """What the app that serves this request, or runs this command, is made of."""
    return cast(Parts, current_app.extensions[EXTENSION])
