"""What waits for a person: near matches and appeals, each beside what it came near to; the reverse image search."""

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from .. import appeals, claims, pictures
from ..blocklist import unpack
from ..context import parts
from ..errors import Refusal
from ..fingerprint import fingerprint
from ..models import DOWN, Decision, Picture, Role, Status
from ..review import INDECENT
from ..similar import similar
from .answers import wants_json
from .moderator import STRIP, seen, typed
from .session import only

bp = Blueprint("cases", __name__, url_prefix="/review")
bp.before_request(only(Role.MODERATOR))

FOUND = 60
"""Pictures that a search shows."""


@bp.get("/near")
def near() -> ResponseReturnValue:
    return _queue("near")


@bp.get("/appeals")
def appealed() -> ResponseReturnValue:
    return _queue("appeals")


@bp.get("/near/next", defaults={"queue": "near"})
@bp.get("/appeals/next", defaults={"queue": "appeals"})
def following(queue: str) -> ResponseReturnValue:
    """To the first case that nobody else is looking at; to the queue where there is none."""
    waiting = _waiting(queue)
    others = claims.standing(one.id for one in waiting)
    for picture in waiting:
        claim = others.get(picture.id)
        free = claim is None or claim.account_id == current_user.id
        decidable = queue == "near" or (picture.appeal and appeals.may_decide(picture.appeal, current_user.id))
        if free and decidable:
            return redirect(url_for("cases.case", picture_id=picture.id))
    return redirect(url_for("cases.near" if queue == "near" else "cases.appealed"))


@bp.get("/cases/<int:picture_id>")
def case(picture_id: int) -> ResponseReturnValue:
    """One picture beside what it came near to. Opening it claims it, for ten minutes."""
    picture = pictures.find(picture_id) or abort(404)
    if picture.status is Status.ESCALATED:
        return redirect(url_for("escalated.picture", picture_id=picture_id))
    appeal = picture.appeal if picture.appeal and picture.status in DOWN else None
    cause = appeals.cause(appeal) if appeal else None
    checks = pictures.checks(picture_id)
    near = cause.id if cause else next((check.entry_id for check in checks if check.entry_id), None)
    match = next((one for check in checks for one in check.matches if one.entry_id == near), None)
    claim = claims.claim(picture_id, current_user.id)
    return render_template(
        "moderator/case.html",
        picture=picture,
        appeal=appeal,
        check=checks[0] if checks else None,
        match=match,
        cause=cause,
        entry=cause or (match and match.entry),
        claim=claim,
        mine=claim.account_id == current_user.id,
        why_not=appeals.why_not(appeal, current_user.id) if appeal else "",
        queue="appeals" if appeal else "near",
        usual_reason=INDECENT,
        record=pictures.record(picture.member_id),
        decisions=pictures.decisions_on(picture_id),
        found=similar(parts(), unpack(picture.fingerprint), STRIP, picture) if picture.fingerprint else None,
    )


@bp.post("/cases/<int:picture_id>/claim")
def claim(picture_id: int) -> ResponseReturnValue:
    """Renew the own claim, or take another person's over."""
    if pictures.find(picture_id) is None:
        abort(404)
    held = claims.claim(picture_id, current_user.id, take_over="take_over" in request.form)
    if wants_json():
        return {"mine": held.account_id == current_user.id, "by": held.account.name}
    return redirect(url_for("cases.case", picture_id=picture_id))


@bp.post("/appeals/<int:appeal_id>/uphold")
def uphold(appeal_id: int) -> ResponseReturnValue:
    return _decided(appeals.uphold(appeal_id, current_user.id, typed("reason"), typed("note"), _seen()))


@bp.post("/appeals/<int:appeal_id>/overturn")
def overturn(appeal_id: int) -> ResponseReturnValue:
    at = current_app.config["SUSPEND_OVERTURNS"]
    said = typed("reason"), at, typed("note")
    return _decided(appeals.overturn(parts(), appeal_id, current_user.id, *said, _seen()))


@bp.route("/search", methods=["GET", "POST"])
def search() -> ResponseReturnValue:
    """Reverse image search: with a member's picture, or with an uploaded file, which is not kept."""
    file = request.files.get("file")
    picture = pictures.find(request.args.get("picture", 0, type=int))
    asked, error = None, ""
    if request.method == "POST":
        if file is None or not file.filename:
            error = "Please choose a picture first."
        else:
            try:
                asked = fingerprint(parts().decoder.pixels(file.read()))
            except Refusal as refusal:
                error = str(refusal)
    elif picture and picture.status is Status.ESCALATED:
        abort(404)
    elif picture and picture.fingerprint:
        asked = unpack(picture.fingerprint)
    found = similar(parts(), asked, FOUND, picture) if asked else None
    return render_template("moderator/search.html", picture=picture, found=found, error=error), 422 if error else 200


def _queue(queue: str) -> ResponseReturnValue:
    waiting = _waiting(queue)
    return render_template(
        "moderator/queue.html",
        queue=queue,
        pictures=waiting,
        nearest=pictures.nearest(waiting),
        cautions=pictures.cautions(waiting) if queue == "near" else {},
        claims=claims.standing(one.id for one in waiting),
    )


def _waiting(queue: str) -> list[Picture]:
    size = current_app.config["GRID_PAGE"]
    if queue == "near":
        return list(pictures.held(size))
    return [appeal.picture for appeal in appeals.waiting(size)]


def _seen() -> appeals.Seen:
    """What kept the picture down when the page was made."""
    return appeals.Seen(seen(), request.form.get("entry", type=int))


def _decided(decision: Decision) -> ResponseReturnValue:
    (picture_id, *_) = [action.picture_id for action in decision.actions]
    claims.release(picture_id)
    flash(render_template("moderator/_said.html", decision=decision).strip(), f"undo:{decision.id}")
    return redirect(url_for("cases.following", queue="appeals"))
