"""The audit log, for admins."""

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue

from .. import audit
from ..audit import Event
from ..models import Role
from .exports import export
from .session import only

bp = Blueprint("audit", __name__, url_prefix="/admin/audit")
bp.before_request(only(Role.ADMIN))

EXPORTED = 100_000
"""Rows of a CSV at most, the latest."""


@bp.get("/")
def index() -> ResponseReturnValue:
    size = current_app.config["GRID_PAGE"]
    found = audit.listed(size + 1, request.args.get("before", type=int), *_asked())
    asked = {name: request.args[name] for name in ("person", "kind") if request.args.get(name)}
    return render_template(
        "admin/audit.html", rows=found[:size], more=len(found) > size, asked=asked, kinds=list(Event), told=audit.told
    )


@bp.get("/audit.csv")
def table() -> ResponseReturnValue:
    """The rows that the page shows, with what proves them."""
    heads = ("row", "when", "by", "by_account", "what", "account", "about", "hash")
    rows = [
        (
            row.id,
            row.created.isoformat(),
            row.by.name if row.by else "",
            row.by_id or "",
            row.kind,
            row.account_id or "",
            row.about,
            row.hash.hex(),
        )
        for row in audit.listed(EXPORTED, None, *_asked())
    ]
    return export("audit", heads, rows)


def _asked() -> tuple[str, tuple[str, ...]]:
    """The person and the kinds that rows are wanted of."""
    kind = request.args.get("kind", "")
    return request.args.get("person", ""), (kind,) if kind in list(Event) else ()
