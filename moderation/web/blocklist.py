"""The blocklist, for moderators: every entry, what it has stopped, and how to take it back."""

from flask import Blueprint, Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from PIL import Image

from .. import allowing, entries, review
from ..canonical import encode
from ..context import parts
from ..database import db, writing
from ..luminance import SIDE
from ..models import Entry, FingerprintRow, KnownGood, Picture, Role, Status
from ..shield import LEVELS, blank, shrouded
from .answers import back
from .session import only

bp = Blueprint("blocklist", __name__, url_prefix="/blocklist")
bp.before_request(only(Role.MODERATOR))

STOPPED = 60
"""Pictures that the page of an entry shows."""

KNOWN_GOOD = 200
"""Known-good pictures that their page shows."""

LOOK_SIDE = 256
"""The longest side, in pixels, of the picture that stands for an entry."""


@bp.get("/")
def index() -> ResponseReturnValue:
    show = request.args.get("show", "blocking")
    if show not in entries.SHOWS:
        abort(404)
    size = current_app.config["GRID_PAGE"]
    found = entries.listed(show, request.args.get("before", type=int), size + 1)
    return render_template(
        "blocklist/index.html",
        show=show,
        listed=found[:size],
        more=len(found) > size,
        counts=entries.counts(),
        noisy=entries.NOISY,
    )


@bp.get("/<int:entry_id>")
def entry(entry_id: int) -> ResponseReturnValue:
    found = _found(entry_id)
    (listed,) = entries.with_hits([found])
    pictures = entries.stopped(entry_id, STOPPED + 1)
    return render_template(
        "blocklist/entry.html",
        entry=found,
        listed=listed,
        pictures=pictures[:STOPPED],
        more=len(pictures) > STOPPED,
        beside=entries.beside(found),
    )


@bp.get("/<int:entry_id>/look")
def look(entry_id: int) -> ResponseReturnValue:
    """What the entry's fingerprint remembers of its picture; nothing of an escalated one."""
    entry = _found(entry_id)
    return _remembered(entry.fingerprint, entry.apart or _is_apart(entry.picture))


@bp.get("/known-good")
def known_good() -> ResponseReturnValue:
    """What is never refused or held. Everybody who decides sees it; admins keep it."""
    found = allowing.listed(KNOWN_GOOD + 1)
    return render_template("blocklist/known_good.html", listed=found[:KNOWN_GOOD], more=len(found) > KNOWN_GOOD)


@bp.get("/known-good/<int:known_id>/look")
def known_good_look(known_id: int) -> ResponseReturnValue:
    known = db.get_or_404(KnownGood, known_id)
    return _remembered(known.fingerprint, _is_apart(known.picture))


def _is_apart(picture: Picture | None) -> bool:
    return picture is not None and picture.status is Status.ESCALATED


def _remembered(row: FingerprintRow, apart: bool) -> ResponseReturnValue:
    """A picture as its fingerprint remembers it: small and grey, and still there when the file is not.

    Of one that is kept apart, nothing.
    """
    if apart:
        return Response(blank(), mimetype="image/jpeg")
    level = request.args.get("level", 0, type=int)
    if level not in LEVELS:
        abort(404)
    answer = Response(mimetype="image/jpeg", headers={"Cache-Control": "private, no-cache"})
    answer.set_etag(f"{row.id}-{row.recipe}-{level}")
    if not request.if_none_match.contains(answer.get_etag()[0] or ""):
        shape = min(1.0, row.aspect), min(1.0, 1 / row.aspect)
        width, height = (max(1, round(LOOK_SIDE * side)) for side in shape)
        levels = Image.frombytes("L", (SIDE, SIDE), row.luminance)
        remembered = encode(levels.resize((width, height), Image.Resampling.BICUBIC))
        answer.data = shrouded(remembered, level) if level else remembered
    return answer.make_conditional(request)


@bp.post("/<int:entry_id>/withdraw")
def withdraw(entry_id: int) -> ResponseReturnValue:
    with writing():
        decision_id = review.withdraw(entry_id, current_user.id).id
    flash(f"Entry {entry_id} is withdrawn: it blocks no more. What it took down stays down.", f"undo:{decision_id}")
    return redirect(back(url_for("blocklist.entry", entry_id=entry_id)))


@bp.post("/<int:entry_id>/restore")
def restore(entry_id: int) -> ResponseReturnValue:
    down = review.restore(parts(), entry_id, current_user.id)
    also = f" {down} on show {'was' if down == 1 else 'were'} taken down." if down else ""
    flash(f"Entry {entry_id} blocks again.{also}", "good")
    return redirect(back(url_for("blocklist.entry", entry_id=entry_id)))


def _found(entry_id: int) -> Entry:
    return entries.find(entry_id) or abort(404)
