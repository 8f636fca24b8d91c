"""The grid's cards as HTML. One that nobody has decided on looks the same on every grid, and is made once for all."""

from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from flask import current_app, request
from flask_login import current_user
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup

from ..cards import Card
from ..fingerprint import LOW_DETAIL
from ..models import Decision, Status
from .words import ago

KEPT = 512
"""Cards that are kept, of 2 KB each: as many as a grid has at its longest."""

_TOKEN, _BACK = "\0token\0", "\0back\0"
"""What stands in a kept card for what its forms send along; nobody can type a NUL."""


class Contents(NamedTuple):
    """All that a card says. Where nobody has decided, it is plain values: two that are equal look the same."""

    id: int
    status: Status
    member: str
    created: datetime
    ago: str
    plain: bool  # too little detail to tell it from others
    appeal: str
    copies: tuple[int, ...]
    today: int
    near: bool
    decision: Decision | None
    itself: bool

    @classmethod
    def of(cls, card: Card) -> "Contents":
        picture, print_, appeal = card.picture, card.picture.fingerprint, card.picture.appeal
        return cls(
            picture.id,
            picture.status,
            picture.member.name,
            picture.created,
            ago(picture.created),
            print_ is not None and print_.detail < LOW_DETAIL,
            appeal.text if appeal else "",
            tuple(card.copies),
            card.today,
            card.near,
            picture.decision,
            card.itself,
        )


def rendered(card: Card) -> Markup:
    """The card for whoever asks."""
    contents, token, back = Contents.of(card), generate_csrf(), request.full_path
    if contents.decision:
        return _made(contents, token, back)
    return _kept(contents, current_user.shield, request.script_root).replace(_TOKEN, token).replace(_BACK, back)


@lru_cache(KEPT)
def _kept(contents: Contents, _shield: int, _script_root: str) -> Markup:
    return _made(contents, _TOKEN, _BACK)


def _made(contents: Contents, token: str, back: str) -> Markup:
    # Without Flask's context, which takes as long to make as a card: what a card needs is global.
    template: Any = current_app.jinja_env.get_template("moderator/_card.html").module
    made: Markup = template.show(contents, token, back)
    return made
