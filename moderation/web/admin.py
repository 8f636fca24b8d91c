"""The admins' pages: the statistics, with the blocklist's entries, and who may do what."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.datastructures import FileStorage

from .. import accounts, allowing, breakdown, counting, links, pictures, purging, reversal, review, stats, sweeping
from ..columns import now
from ..context import apart, parts
from ..database import db, writing
from ..errors import Refusal
from ..fingerprint import Fingerprint, fingerprint
from ..matching import Policy, Zone
from ..models import Account, Decision, Role
from ..reach import plan
from ..settings import Group, groups, shown
from ..whatif import what_if
from . import charts
from .answers import wants_json
from .exports import export
from .session import only
from .tables import TABLES
from .words import file_name

bp = Blueprint("admin", __name__, url_prefix="/admin")
bp.before_request(only(Role.ADMIN))

FLASHED = 5
"""Files of an import of which the page behind it says what came of each."""

RANGES = {"1": "24 hours", "7": "7 days", "30": "30 days", "90": "90 days", "all": "All"}

ENTRIES = 50
"""Entries that the statistics list."""

OFFENDERS = 20
"""Members that the statistics list."""

PICTURES = 60
"""A member's pictures that the page about the member shows."""

PEOPLE = 100
"""People on a page."""


@bp.get("/")
def statistics() -> ResponseReturnValue:
    moment, policy = now(), parts().policy
    days, since = _range(moment)
    other = _other(policy)
    # Two threads: most of it is waiting for the database, which has a core of its own for each connection.
    with ThreadPoolExecutor(1) as beside:
        compared = beside.submit(apart(stats.compared), since, moment)
        distances = breakdown.distances(since, policy.widest)
        stopped = breakdown.stopped_per_day(since, moment)
        found = {
            "uploads_chart": charts.uploads_per_day(breakdown.per_day(since, moment)),
            "stopped_chart": charts.stopped_per_day(stopped) if any(map(breakdown.Stopped.some, stopped)) else "",
            "distances": distances,
            "distances_chart": charts.distances(distances, policy.refuse.dhash, policy.hold.dhash),
            "entries": breakdown.most_matched(since, ENTRIES),
            "views": breakdown.by_view(since),
            "moderators": breakdown.moderators(since),
            "offenders": breakdown.offenders(since, OFFENDERS),
            "what_if": what_if(since, policy, other) if other else None,
        }
        figures, before = compared.result()
    return render_template(
        "admin/statistics.html",
        days=days,
        ranges=RANGES,
        since=since,
        figures=figures,
        before=before,
        bar=charts.bar,
        policy=policy,
        timed=stats.TIMED,
        other=other,
        **found,
    )


@bp.get("/statistics/<name>.csv")
def table(name: str) -> ResponseReturnValue:
    """What a chart or a table of the statistics shows, for a spreadsheet."""
    if name not in TABLES:
        abort(404)
    moment = now()
    days, since = _range(moment)
    heads, rows = TABLES[name](since, moment)
    return export(f"{name}-{days}", heads, rows)


def _range(moment: datetime) -> tuple[str, datetime | None]:
    """How far back the page is asked to look, and when that begins."""
    days = request.args.get("days", "30")
    if days not in RANGES:
        abort(404)
    if days == "all":
        return days, None
    return days, moment - timedelta(1) if days == "1" else counting.start(int(days), moment)


def _other(policy: Policy) -> Policy | None:
    """The policy with the thresholds that are asked about; None where none are."""
    dhash, phash = (request.args.get(name, type=int) for name in ("dhash", "phash"))
    if dhash is None or phash is None:
        return None
    refuse = Zone(min(max(dhash, 0), policy.widest), min(max(phash, 0), 256))
    hold = Zone(max(policy.hold.dhash, refuse.dhash), max(policy.hold.phash, refuse.phash))
    return replace(policy, refuse=refuse, hold=hold)


@bp.get("/settings")
def settings() -> ResponseReturnValue:
    """Every setting as it holds now, with what it does."""
    sections: dict[str, list[Group]] = {}
    for group in groups():
        sections.setdefault(group.section, []).append(group)
    return render_template("admin/settings.html", sections=sections, shown=shown)


@bp.get("/people")
def people() -> ResponseReturnValue:
    search, after = request.args.get("q", ""), request.args.get("after", "")
    found = breakdown.people(search, after, PEOPLE + 1)
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
        accounts.set_role(account, Role(chosen), current_user.id)
        name = account.name
    flash(f"{name} is now {'an' if chosen == Role.ADMIN else 'a'} {chosen}.", "good")
    if account_id == current_user.id and chosen != Role.ADMIN:
        return redirect(url_for("account.home"))
    return redirect(url_for("admin.people", q=request.args.get("q"), after=request.args.get("after")))


@bp.get("/people/<int:account_id>")
def person(account_id: int) -> ResponseReturnValue:
    """One account: what it uploaded and what became of that, and what it may do."""
    account = db.get_or_404(Account, account_id)
    found = pictures.latest(account_id, PICTURES + 1)
    return render_template(
        "admin/person.html",
        account=account,
        record=pictures.record(account_id),
        pictures=found[:PICTURES],
        more=len(found) > PICTURES,
    )


@bp.post("/people/<int:account_id>/entrust")
def entrust(account_id: int) -> ResponseReturnValue:
    """Name a person who sees escalated pictures, or take that back."""
    with writing():
        account = db.get_or_404(Account, account_id)
        accounts.set_entrusted(account, "entrusted" in request.form, current_user.id)
        sentence = f"{account.name} {'sees' if account.entrusted else 'does not see'} escalated pictures from now on."
    flash(sentence, "good")
    return redirect(url_for("admin.person", account_id=account_id))


@bp.post("/people/<int:account_id>/deactivate")
def deactivate(account_id: int) -> ResponseReturnValue:
    """Close an account for whoever uses it, or open it again."""
    if account_id == current_user.id:
        raise Refusal("This is your own account. Somebody else has to deactivate it.")
    with writing():
        account = db.get_or_404(Account, account_id)
        if "again" in request.form:
            accounts.reactivate(account, current_user.id)
        else:
            accounts.deactivate(account, current_user.id)
        sentence = f"{account.name} {'cannot' if account.deactivated else 'can'} sign in from now on."
    flash(sentence, "good")
    return redirect(url_for("admin.person", account_id=account_id))


@bp.post("/people/<int:account_id>/erase")
def erase(account_id: int) -> ResponseReturnValue:
    """Delete a member's name and pictures for good; who asks has typed the name."""
    account = db.get_or_404(Account, account_id)
    if account_id == current_user.id:
        raise Refusal("This is your own account. Somebody else has to erase it.")
    if request.form.get("name", "").strip() != account.name:
        raise Refusal(f"Please type the name {account.name} to confirm. Nothing was deleted.")
    purging.erase(parts(), account_id, current_user.id)
    flash("The account is erased, with its pictures.", "good")
    return redirect(url_for("admin.person", account_id=account_id))


@bp.post("/people/<int:account_id>/link")
def link(account_id: int) -> ResponseReturnValue:
    """A link with which a person sets a new password. It is on this page and nowhere else."""
    hours = current_app.config["LINK_HOURS"]
    with writing():
        account = db.get_or_404(Account, account_id)
        secret = links.issue(account, timedelta(hours=hours), current_user.id)
    to = url_for("account.password", token=secret, _external=True)
    return render_template("admin/link.html", account=account, link=to, hours=hours)


@bp.post("/people/<int:account_id>/sign-out")
def sign_out(account_id: int) -> ResponseReturnValue:
    """Wherever that account is signed in, it is not any more."""
    with writing():
        account = db.get_or_404(Account, account_id)
        accounts.sign_out(account, current_user.id)
    flash(f"{account.name} is signed out everywhere.", "good")
    return redirect(url_for("admin.person", account_id=account_id))


@bp.route("/import", methods=["GET", "POST"])
def import_() -> ResponseReturnValue:
    """Block files, after a look at what that would do."""
    files = [file for file in request.files.getlist("file") if file.filename]
    reason = " ".join(request.form.get("reason", "").split())[:200] or review.INDECENT
    planned, error = None, ""
    unread: list[tuple[str, str]] = []
    if request.method == "POST":
        named, unread = _read(files)
        if not files:
            error = "Please choose the pictures first."
        elif "go" in request.form:
            decision, _ = review.import_entries(parts(), named, current_user.id, reason)
            if decision:
                return _imported(decision, unread)
        planned = plan(parts(), named) if files else None
    page = {"planned": planned, "unread": unread, "read": len(files) - len(unread), "error": error}
    status = 422 if error else 200
    if wants_json() and request.method == "POST":
        return {"html": render_template("admin/_plan.html", **page)} if not error else ({"error": error}, 422)
    return render_template("admin/import.html", reason=reason, **page), status


def _read(files: Iterable[FileStorage]) -> tuple[list[tuple[str, Fingerprint]], list[tuple[str, str]]]:
    """The fingerprints of sent files by name, and by name why others could not be read."""
    named: list[tuple[str, Fingerprint]] = []
    unread: list[tuple[str, str]] = []
    for file in files:
        name = file_name(file.filename)
        try:
            named.append((name, fingerprint(parts().decoder.pixels(file.read()))))
        except Refusal as refusal:
            unread.append((name, str(refusal)))
    return named, unread


def _imported(decision: Decision, unread: Sequence[tuple[str, str]]) -> ResponseReturnValue:
    entries, taken = len(decision.entries), sweeping.swept(decision).taken_down
    good = review.known_good_beside(parts(), decision)
    sentence = f"Blocked {entries} {'picture' if entries == 1 else 'pictures'}; {taken} on show taken down."
    if good:
        sentence += f" {good} known-good {'picture looks' if good == 1 else 'pictures look'} like these: still allowed."
    flash(sentence, f"undo:{decision.id}")
    _flash_some([(f"{name}: {why}", "bad") for name, why in unread], "more files could not be read")
    return redirect(url_for("blocklist.index", show="imported"))


@bp.post("/known-good")
def allow() -> ResponseReturnValue:
    """Put a member's picture, or files, on the known-good list."""
    note = " ".join(request.form.get("note", "").split())[:200]
    picture_id = request.form.get("picture", type=int)
    files = [file for file in request.files.getlist("file") if file.filename]
    said: list[tuple[str, str]] = []
    if picture_id:
        added = allowing.add_picture(parts(), picture_id, note, current_user.id)
        said.append((_added(f"Picture {picture_id}", added), "good"))
    elif not files:
        raise Refusal("Please choose a picture first.")
    for file in files:
        name = file_name(file.filename)
        try:
            added = allowing.add_file(parts(), file.read(), name, note, current_user.id)
            said.append((_added(name, added), "good"))
        except Refusal as refusal:
            said.append((f"{name}: {refusal}", "bad"))
    _flash_some(said, "more files were looked at; those that are known good now stand below")
    return redirect(url_for("blocklist.known_good"))


@bp.post("/known-good/<int:known_id>/remove")
def disallow(known_id: int) -> ResponseReturnValue:
    allowing.remove(parts(), known_id, current_user.id)
    flash(f"Known-good picture {known_id} is removed: it is compared with the blocklist like any other.", "good")
    return redirect(url_for("blocklist.known_good"))


def _added(what: str, added: allowing.Added) -> str:
    hit = f" Entry {added.entry_id} would have stopped it." if added.entry_id else ""
    return f"{what} is known good from now on: it is never refused or held.{hit}"


def _flash_some(said: Sequence[tuple[str, str]], rest: str) -> None:
    """Flash the first few: they travel in a cookie, and browsers throw one of more than 4 kB away."""
    for sentence, category in said[:FLASHED]:
        flash(sentence, category)
    if len(said) > FLASHED:
        flash(f"{len(said) - FLASHED} {rest}.", "note")


@bp.route("/people/<int:account_id>/decisions", methods=["GET", "POST"])
def take_back(account_id: int) -> ResponseReturnValue:
    """Undo everything that an account has decided since a time, after a look at how much that is."""
    account = db.get_or_404(Account, account_id)
    given, since, error = request.values.get("since", ""), None, ""
    if given:
        try:
            since = datetime.fromisoformat(given).replace(tzinfo=UTC)
        except ValueError:
            error = "Please give a day and a time, like 2026-03-10 15:30."
    if request.method == "POST" and since:
        number = reversal.take_back(parts(), account_id, since, current_user.id)
        flash(f"Took back {number} decision{'' if number == 1 else 's'} of {account.name}.", "good")
        return redirect(url_for("moderator.history", by=account.name))
    found = reversal.preview(account_id, since) if since else None
    page = render_template("admin/reversal.html", account=account, since=since, found=found, error=error)
    return page, 422 if error else 200
