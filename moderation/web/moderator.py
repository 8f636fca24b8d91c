"""The moderators' console: the live grid, one picture, the history."""

from collections.abc import Collection

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from .. import accounts, appeals, cards, claims, decisions, escalation, pictures, replica, review, sweeping
from ..blocklist import unpack
from ..context import parts
from ..database import db, writing
from ..errors import Conflict, Refusal
from ..models import Account, Decision, Kind, Role, Status
from ..reach import Reach, reach
from ..similar import similar
from .answers import back, wants_json
from .exports import export
from .rendered import rendered
from .session import only

bp = Blueprint("moderator", __name__, url_prefix="/review")
bp.before_request(only(Role.MODERATOR))

SIZES = {"s": "Small", "m": "Medium", "l": "Large"}
"""Of the cards."""

STRIP = 12
"""Similar pictures under a picture."""

FILTERS = ("by", "kind", "undone")
"""Of the history."""

EXPORTED = 10_000
"""Decisions in a CSV at most, the latest."""

CHANGES = 100
"""Cards in one answer to an open grid; what is left comes with the next."""


@bp.get("/")
def grid() -> ResponseReturnValue:
    show = request.args.get("show", "undecided")
    if show not in pictures.SHOWS:
        abort(404)
    # The version first: what changes while the page is made is then told again, never missed.
    moment = replica.moment(replica.PICTURES)
    size = current_app.config["GRID_PAGE"]
    member = request.args.get("member", "").strip()
    order, wide = _chosen("order", cards.ORDERS, "newest"), _chosen("size", SIZES, "m")
    before = request.args.get("before", type=int)
    if before is not None:
        order = "newest"  # another has no older pages
    length = max(size, min(request.args.get("cards", size, type=int), cards.WINDOW))
    return render_template(
        "moderator/grid.html",
        show=show,
        length=length,
        window=cards.WINDOW,
        order=order,
        orders=cards.ORDERS,
        size=wide,
        sizes=SIZES,
        member=member,
        page=cards.page(parts(), show, length, before, order, member),
        moment=moment,
        counts=pictures.counts(),
    )


@bp.get("/changes")
def changes() -> ResponseReturnValue:
    """What an open grid does not know yet: cards that are new or different since a version of the list."""
    since = request.args.get("since", 0, type=int)
    moment = replica.moment(replica.PICTURES)
    if request.args.get("epoch", moment.epoch) != moment.epoch:
        raise Conflict("The site was restored from a backup. Please reload the page.")
    if moment.version == since:
        return "", 204
    found = pictures.changed(since, CHANGES)
    return {
        "version": found[-1].version if len(found) == CHANGES else moment.version,
        "counts": pictures.counts() | {"appeals": appeals.number_waiting()},
        "cards": [
            {
                "id": card.picture.id,
                "undecided": card.picture.decision_id is None,
                "status": card.picture.status,
                "member": card.picture.member.name,
                "copies": card.copies,
                "html": rendered(card),
            }
            for card in cards.cards(parts(), found, moment)
        ],
    }


@bp.get("/pictures/<int:picture_id>")
def picture(picture_id: int) -> ResponseReturnValue:
    found = pictures.find(picture_id) or abort(404)
    if found.status is Status.ESCALATED:
        return redirect(url_for("escalated.picture", picture_id=picture_id))
    return render_template(
        "moderator/picture.html",
        card=cards.cards(parts(), [found])[0],
        picture=found,
        usual_reason=review.INDECENT,
        missing=not found.purged and not parts().store.has(found.file),
        checks=pictures.checks(picture_id),
        decisions=pictures.decisions_on(picture_id),
        found=similar(parts(), unpack(found.fingerprint), STRIP, found) if found.fingerprint else None,
    )


@bp.post("/pictures/<int:picture_id>/mark")
def mark(picture_id: int) -> ResponseReturnValue:
    """One click; a mark that would take very much down, or what was found OK, shows that first and asks."""
    spare: set[int] = set()
    if "listed" in request.form:
        ticked = set() if "only" in request.form else set(request.form.getlist("take", type=int))
        spare = set(request.form.getlist("listed", type=int)) - ticked
    elif (found := reach(parts(), decisions.markable(picture_id, seen()))).large:
        return _ask(found, picture_id)
    reason = typed("reason") or review.INDECENT
    marked = review.mark(parts(), picture_id, current_user.id, seen(), reason, spare, typed("note"))
    return _decided(marked, picture_id)


@bp.post("/pictures/<int:picture_id>/approve")
def approve(picture_id: int) -> ResponseReturnValue:
    copies = request.form.getlist("copy", type=int)
    approved = review.approve(parts(), picture_id, current_user.id, seen(), copies, typed("note"))
    return _decided(approved, picture_id)


@bp.route("/pictures/<int:picture_id>/escalate", methods=["GET", "POST"])
def escalate(picture_id: int) -> ResponseReturnValue:
    """It may be against the law: from every grid at once, after one look at what that means."""
    found = pictures.find(picture_id) or abort(404)
    if request.method == "GET":
        return render_template("moderator/escalate.html", picture=found, people=accounts.entrusted())
    copies = sweeping.swept(escalation.escalate(parts(), picture_id, current_user.id, typed("reason"))).escalated
    also = f", with {copies} {'copy' if copies == 1 else 'copies'} of it" if copies else ""
    flash(f"Picture {picture_id} is escalated and kept apart{also}.", "good")
    return redirect(url_for("moderator.grid"))


@bp.post("/approve")
def approve_all() -> ResponseReturnValue:
    """The rest is fine: every undecided card that was on the screen, in one decision."""
    chosen = request.form.getlist("picture", type=int)
    if not chosen:
        raise Refusal("There is nothing to approve here: every picture on this page is decided.")
    return _decided(review.approve_all(parts(), chosen, current_user.id), None)


@bp.post("/decisions/<int:decision_id>/undo")
def undo(decision_id: int) -> ResponseReturnValue:
    decision = review.undo(parts(), decision_id, current_user.id)
    return _decided(decision, request.form.get("picture", type=int))


@bp.post("/shield")
def shield() -> ResponseReturnValue:
    """How far pictures are blurred for this moderator until pressed."""
    level = request.form.get("level", type=int)
    with writing():
        accounts.set_shield(db.session.get_one(Account, current_user.id), -1 if level is None else level)
    return {"level": level} if wants_json() else redirect(back(url_for("moderator.grid")))


@bp.get("/history")
def history() -> ResponseReturnValue:
    size = current_app.config["GRID_PAGE"]
    found = pictures.history(request.args.get("before", type=int), size + 1, *_filters())
    asked = {name: request.args[name] for name in FILTERS if request.args.get(name)}
    return render_template(
        "moderator/history.html", decisions=found[:size], more=len(found) > size, asked=asked, kinds=list(Kind)
    )


@bp.get("/history.csv")
def history_csv() -> ResponseReturnValue:
    """The decisions that the history shows, for a spreadsheet."""
    heads = ("decision", "when", "by", "kind", "reason", "note", "pictures", "entries", "taken_back", "taken_back_by")
    rows = []
    for one in pictures.history(None, EXPORTED, *_filters()):
        touched, added = (" ".join(str(id_) for id_ in ids) for ids in _touched(one))
        undone_by = one.undone_by.name if one.undone_by else ""
        name = one.by.name if one.by else ""
        said = one.kind, one.reason, one.note
        rows.append((one.id, one.created, name, *said, touched, added, one.undone or "", undone_by))
    return export("history", heads, rows)


def _touched(decision: Decision) -> tuple[list[int], list[int]]:
    """The pictures and the entries of a decision, once each."""
    entries = (*decision.entries, *decision.withdrawals)
    return sorted({one.picture_id for one in decision.actions}), sorted({one.id for one in entries})


def _filters() -> tuple[str, Kind | None, bool | None]:
    """By whom, of which kind, taken back or not: what the history is asked for."""
    kind, undone = request.args.get("kind", ""), request.args.get("undone", "")
    return (
        request.args.get("by", ""),
        Kind(kind) if kind in list(Kind) else None,
        {"yes": True, "no": False}.get(undone),
    )


def _ask(found: Reach, picture_id: int) -> ResponseReturnValue:
    """The panel that lists what a mark would take down, for the script; else a page of it."""
    page = {"reach": found, "picture": pictures.find(picture_id), "back": back(url_for("moderator.grid"))}
    if wants_json():
        return {"ask": render_template("moderator/_ask.html", **page)}
    return render_template("moderator/ask.html", **page)


def typed(field: str) -> str:
    """What somebody wrote beside a decision; how much of it is kept is for the domain to say."""
    return request.form.get(field, "").strip()


def seen() -> int | None:
    """The decision that stood on the picture when the page was made."""
    return request.form.get("seen", type=int)


def _decided(decision: Decision, picture_id: int | None) -> ResponseReturnValue:
    """The card as it is now, for the script; else back to the page, which says what was done."""
    found = pictures.find(picture_id) if picture_id else None
    sentence = render_template("moderator/_said.html", decision=decision).strip()
    if "claimed" in request.form and picture_id:
        claims.release(picture_id)
    if wants_json():
        # What lay on the card as a copy, and was not decided with it, gets a card of its own.
        left = pictures.undecided(request.form.getlist("copy", type=int)) if decision.undone is None else []
        return {
            "card": rendered(cards.cards(parts(), [found])[0]) if found else "",
            "left": {card.picture.id: rendered(card) for card in cards.stacked(parts(), left)},
            "decision": decision.id,
            "said": sentence,
        }
    flash(sentence, "undone" if decision.undone else f"undo:{decision.id}")
    return redirect(back(url_for("moderator.grid")))


def _chosen(name: str, among: Collection[str], usual: str) -> str:
    """How the moderator wants the grid: as asked now, else as asked last, else as usual."""
    if request.args.get(name) in among:
        session[name] = request.args[name]
    return session[name] if session.get(name) in among else usual
