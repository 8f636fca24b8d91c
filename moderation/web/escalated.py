"""Escalated pictures, for the people whom an admin has named, and for nobody else."""

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from .. import escalation, pictures
from ..context import parts
from ..models import Picture, Role, Status
from .member import level, send
from .session import only

bp = Blueprint("escalated", __name__, url_prefix="/review/escalated")
bp.before_request(only(Role.MODERATOR))


@bp.before_request
def _named_only() -> None:
    if not current_user.entrusted:
        abort(403)


@bp.get("/")
def index() -> ResponseReturnValue:
    """A list without pictures."""
    return render_template("escalated/index.html", pictures=escalation.waiting(current_app.config["GRID_PAGE"]))


@bp.get("/<int:picture_id>")
def picture(picture_id: int) -> ResponseReturnValue:
    found = _found(picture_id)
    return render_template(
        "escalated/picture.html",
        picture=found,
        record=pictures.record(found.member_id),
        decisions=pictures.decisions_on(picture_id),
    )


@bp.get("/<int:picture_id>/file")
def file(picture_id: int) -> ResponseReturnValue:
    found = _found(picture_id)
    return send(found, found.thumbnail if level() else found.file, apart=True)


@bp.post("/<int:picture_id>/release")
def release(picture_id: int) -> ResponseReturnValue:
    """It is not against the law: fine, or indecent like others."""
    if "fine" in request.form:
        escalation.release_as_fine(parts(), picture_id, current_user.id)
        flash(f"Picture {picture_id} is released as fine.", "good")
    else:
        escalation.release_as_indecent(parts(), picture_id, current_user.id)
        flash(f"Picture {picture_id} is released as indecent: it stays down, and copies are refused.", "good")
    return redirect(url_for("escalated.index"))


def _found(picture_id: int) -> Picture:
    found = pictures.find(picture_id)
    return found if found and found.status is Status.ESCALATED else abort(404)
