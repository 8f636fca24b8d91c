"""The admins' pages: the statistics, with the blocklist's entries, and who may do what."""

from datetime import datetime

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from .. import accounts, stats
from ..columns import now
from ..context import parts
from ..database import db, writing
from ..models import Account, Role
from . import charts
from .session import only

bp = Blueprint("admin", __name__, url_prefix="/admin")
bp.before_request(only(Role.ADMIN))

RANGES = {"7": "7 days", "30": "30 days", "90": "90 days", "all": "All"}

ENTRIES = 50
"""Entries that the statistics list."""

PEOPLE = 100
"""People on a page."""


@bp.get("/")
def statistics() -> ResponseReturnValue:
    days = request.args.get("days", "30")
    if days not in RANGES:
        abort(404)
    moment, policy = now(), parts().policy
    since = None if days == "all" else stats.start(int(days), moment)
    distances = stats.distances(since, policy.widest)
    return render_template(
        "admin/statistics.html",
        days=days,
        ranges=RANGES,
        since=since,
        figures=stats.figures(since),
        uploads_chart=charts.uploads_per_day(stats.per_day(since, moment)),
        distances=distances,
        distances_chart=charts.distances(distances, policy.refuse.dhash, policy.hold.dhash),
        entries=stats.most_matched(since, ENTRIES),
    )


@bp.get("/people")
def people() -> ResponseReturnValue:
    search, after = request.args.get("q", ""), request.args.get("after", "")
    found = stats.people(search, after, PEOPLE + 1)
    return render_template(
        "admin/people.html", people=found[:PEOPLE], more=len(found) > PEOPLE, search=search, after=after
    )


@bp.post("/people/<int:account_id>/role")
def role(account_id: int) -> ResponseReturnValue:
    chosen = request.form.get("role", "")
    if chosen not in list(Role):
        abort(400)
    with writing():
        account = db.get_or_404(Account, account_id)
        accounts.set_role(account, Role(chosen))
        name = account.name
    flash(f"{name} is now {'an' if chosen == Role.ADMIN else 'a'} {chosen}.", "good")
    if account_id == current_user.id and chosen != Role.ADMIN:
        return redirect(url_for("account.home"))
    return redirect(url_for("admin.people", q=request.args.get("q"), after=request.args.get("after")))


@bp.app_template_filter("percent")
def percent(share: float | None) -> str:
    """A share as "87%"; "<1%" and ">99%" where rounding would say none or all."""
    if share is None:
        return "–"
    if 0 < share < 0.01:
        return "<1%"
    return ">99%" if 0.99 < share < 1 else f"{share:.0%}"


@bp.app_template_filter("milliseconds")
def milliseconds(value: float) -> str:
    return f"{value:.1f} ms" if value < 10 else f"{value:,.0f} ms"


@bp.app_template_filter("day")
def day(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y}"
