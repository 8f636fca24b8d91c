"""A member's page: the own profile picture, uploading one; and the picture files."""

import time
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from http import HTTPStatus

from flask import Blueprint, Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from markupsafe import Markup

from .. import appeals, limiting, metrics, pictures, probing, statements, uploads
from ..canonical import UPLOAD_FORMATS
from ..context import parts
from ..errors import Refusal
from ..models import Picture, Role, Status
from ..shield import LEVELS, blank, instead, shrouded
from . import limits
from .session import only

bp = Blueprint("member", __name__)
bp.before_request(only(Role.MEMBER))

EVEN_SECONDS = 0.25
"""The answer to an upload that tells nothing comes after a whole number of these."""

REVIEWED = (Status.PENDING, Status.HELD, Status.ESCALATED)
"""What a member reads of as "being reviewed", whatever it is; so nothing else may tell them apart."""

LATEST = 6
"""Uploads whose state a member sees, whatever became of them."""

PAGE = 24
"""Uploads on a page at most, with older ones that can be or were appealed."""

OUTCOMES = {
    Status.PUBLISHED: "Your new profile picture is on show.",
    Status.HELD: "Thank you. A person will look at your picture before it is shown.",
    Status.REPLACED: "A newer picture of yours is on show already.",
    Status.ESCALATED: "Thank you. A person will look at your picture before it is shown.",
    Status.ERASED: "This account is erased, and its pictures with it.",
    Status.PENDING: "Thank you. Your picture is being checked.",
}


@bp.get("/picture")
def page() -> ResponseReturnValue:
    return _page()


@bp.post("/picture")
def upload() -> ResponseReturnValue:
    file = request.files.get("picture")
    if file is None or not file.filename:
        return _page("Please choose a picture first."), 422
    began = time.monotonic()
    try:
        limiting.spend(*limits.upload(current_user.id))
        picture = uploads.receive(parts(), current_user.id, file.read(), limits.network())
    except Refusal as refusal:
        return _page(str(refusal)), refusal.status, refusal.headers
    if probing.tells_nothing(picture):
        time.sleep(EVEN_SECONDS - (time.monotonic() - began) % EVEN_SECONDS)
    flash(_answer(picture), "good" if picture.status is Status.PUBLISHED else "note")
    return redirect(url_for("member.page"))


@bp.post("/picture/<int:picture_id>/appeal")
def appeal(picture_id: int) -> ResponseReturnValue:
    try:
        appeals.ask(picture_id, current_user.id, request.form.get("text", ""), window())
    except Refusal as refusal:
        return _page(appeal_error=str(refusal), appealed=picture_id), refusal.status
    flash("Thank you. Somebody will look at your picture again, and the outcome will be said here.", "good")
    return redirect(url_for("member.page", before=_before()))


@bp.get("/picture/<int:picture_id>/statement.json")
def statement(picture_id: int) -> ResponseReturnValue:
    """Why an own picture is down, for whoever wants to keep it or send it on."""
    picture = pictures.find(picture_id)
    said = statements.statement(picture) if picture and picture.member_id == current_user.id else None
    return said or abort(404)


@bp.get("/pictures/<int:picture_id>")
def file(picture_id: int) -> ResponseReturnValue:
    picture = _visible(picture_id)
    return send(picture, picture.thumbnail if level() else picture.file)


@bp.get("/pictures/<int:picture_id>/thumbnail")
def thumbnail(picture_id: int) -> ResponseReturnValue:
    picture = _visible(picture_id)
    return send(picture, picture.thumbnail)


def window() -> timedelta:
    """How long after an upload its member may appeal."""
    return timedelta(days=current_app.config["APPEAL_DAYS"])


def _page(error: str = "", appeal_error: str = "", appealed: int = 0) -> str:
    before = _before()
    found = _told(before)
    if appealed and appealed not in [picture.id for picture in found[:PAGE]]:
        before = appealed + 1  # with what was typed in its field
        found = _told(before)
    return render_template(
        "member/page.html",
        shown=pictures.on_show(current_user.id),
        uploads=found[:PAGE],
        more=len(found) > PAGE,
        before=before,
        latest=LATEST,
        formats=[name.replace("WEBP", "WebP") for name in UPLOAD_FORMATS],
        config=current_app.config,
        error=error,
        appeal_error=appeal_error,
        asks_again=next((one.id for one in found[:PAGE] if one.id == appealed and _may_ask(one)), None),
        may_ask=_may_ask,
        ask_until=lambda picture: appeals.down_since(picture) + window(),
        statement=statements.statement,
    )


def _before() -> int | None:
    """Where the list of older uploads begins that is asked for."""
    return request.args.get("before", type=int)


def _told(before: int | None) -> Sequence[Picture]:
    return pictures.told(current_user.id, LATEST, before, PAGE + 1)


def _may_ask(picture: Picture) -> bool:
    return appeals.may_ask(picture, window())


def _answer(picture: Picture) -> str:
    """What a member hears at once of an upload; of a refusal also why, and where to ask for another look."""
    said = statements.statement(picture)
    if said is None:
        return OUTCOMES[picture.status]
    page = render_template("member/_refused.html", picture=picture, said=said, may_ask=_may_ask(picture))
    return Markup(page.strip())  # noqa: S704 - made by our own template, which escapes


def _visible(picture_id: int) -> Picture:
    """The picture, if this person may see it: what is on show, the own ones, and for moderators all."""
    picture = pictures.find(picture_id)
    mine = picture is not None and picture.member_id == current_user.id
    if picture is None or not (
        picture.status is Status.PUBLISHED or mine or current_user.role.includes(Role.MODERATOR)
    ):
        abort(404)
    return picture


def level() -> int:
    """Of the shield that the picture is asked for with; 0 for the sharp one."""
    asked = request.args.get("level", 0, type=int)
    return asked if asked in LEVELS else abort(404)


def send(picture: Picture, key: str, apart: bool = False) -> ResponseReturnValue:
    """One of the picture's files, as far as the shield lets it be seen; an escalated picture's only if `apart`."""
    member = not current_user.role.includes(Role.MODERATOR)
    if picture.status in (REVIEWED if member else (Status.ESCALATED,)) and not apart:
        return Response(blank(), mimetype="image/jpeg")
    if picture.purged:
        return _instead("This picture's\nfile is deleted")
    # A picture may be taken down: a browser may keep it, but asks each time whether it still may show it.
    # One that is kept apart stays nowhere.
    caching = "no-store" if apart else "private, no-cache"
    answer = Response(mimetype="image/jpeg", headers={"Cache-Control": caching})
    at = level()
    tag = f"{key}-{at}" if at else key
    answer.set_etag(tag)
    if tag not in request.if_none_match:
        try:
            answer.data = _shrouded(key, at) if at else parts().store.get(key)
        except (KeyError, OSError) as error:
            metrics.went_wrong("file missing" if isinstance(error, KeyError) else "store")
            current_app.logger.error("The picture file %s cannot be read: %s.", key, type(error).__name__)
            return _instead("This picture's\nfile is missing")
    return answer.make_conditional(request)


def _instead(sentence: str) -> ResponseReturnValue:
    """A picture that says why there is none: pages look as ever, and when the file is back, so is the picture."""
    return Response(instead(sentence), HTTPStatus.NOT_FOUND, mimetype="image/jpeg")


@lru_cache(maxsize=4096)  # about 1 kB each, and every open grid asks for the same ones
def _shrouded(key: str, level: int) -> bytes:
    return shrouded(parts().store.get(key), level)
