"""The web: what every area shares."""

import hashlib
from datetime import timedelta
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from flask import Flask, Response, current_app, g, request, url_for
from flask_login import current_user
from flask_wtf import CSRFProtect
from werkzeug.exceptions import BadHost
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.sansio.utils import host_is_trusted

from ..appeals import number_waiting
from ..database import db
from ..decisions import NOTE_LENGTH
from ..escalation import number_waiting as number_escalated
from ..fingerprint import LOW_DETAIL
from ..models import Role
from ..pictures import number_held
from ..shield import LEVELS
from . import (
    access,
    account,
    admin,
    answers,
    api,
    audit,
    blocklist,
    cases,
    escalated,
    health,
    me,
    member,
    moderator,
    words,
)
from .given import Asked, Id
from .rendered import rendered
from .session import LocalHttpCookies, sign_in_manager

csrf = CSRFProtect()

FORM_BYTES = 64 * 1024
"""What a form may hold beside the picture."""


SOME = "4294967291"
"""A picture's number that stands for any."""


def init_app(app: Flask) -> None:
    config = app.config
    config["MAX_CONTENT_LENGTH"] = int(config["MAX_UPLOAD_MB"] * 1e6) + FORM_BYTES
    config["WTF_CSRF_TIME_LIMIT"] = None  # as long as the session: a grid stays open for hours
    config["SESSION_COOKIE_SAMESITE"] = "Lax"
    config["PERMANENT_SESSION_LIFETIME"] = timedelta(hours=config["SESSION_HOURS"])
    config["SEND_FILE_MAX_AGE_DEFAULT"] = timedelta(days=365)  # static files carry a version in their address
    if config["PROXIES"]:
        hops = config["PROXIES"]
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]

    app.session_interface = LocalHttpCookies()
    app.request_class = Asked
    app.url_map.converters["int"] = Id
    app.before_request(_known_host)
    app.before_request(_makes_sense)
    app.before_request(_much_at_once)  # before the token is looked for in the form
    csrf.init_app(app)
    sign_in_manager.init_app(app)
    for area in (account, me, member, moderator, cases, escalated, blocklist, admin, audit):
        app.register_blueprint(area.bp)
    app.register_blueprint(api.bp)
    app.register_blueprint(health.bp)
    csrf.exempt(api.bp)  # what a browser sends along by itself counts for nothing there

    answers.init_app(app)
    access.init_app(app)
    app.url_defaults(_static_version)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters |= words.FILTERS | {"rendered": rendered}
    app.jinja_env.globals |= {
        "Role": Role,
        "low_detail": LOW_DETAIL,
        "note_length": NOTE_LENGTH,
        "address": address,
        "grid_of": grid_of,
        "current_user": current_user,  # also where a template is rendered without Flask's context
        "shield_levels": LEVELS,
        "site_name": config["SITE_NAME"],
        "number_held": number_held,
        "number_appealed": number_waiting,
        "number_escalated": number_escalated,
    }


def _known_host() -> Response | None:
    """Nothing is answered under a name that is not ours, or is none: not even with a page, which has addresses."""
    hosts = current_app.config["HOSTS"].split()
    none = isinstance(request.routing_exception, BadHost)
    if not none and (not hosts or host_is_trusted(request.host, hosts)):
        return None
    sentence = "This site does not go by the name that was asked for."
    if answers.to_software():
        return answers.problem(HTTPStatus.BAD_REQUEST, sentence)
    return Response(f"{sentence}\n", HTTPStatus.BAD_REQUEST, mimetype="text/plain")


def _makes_sense() -> None:
    """What an address cannot say is refused before anything else is: answers to what goes wrong read it as well."""
    _ = request.args


def _much_at_once() -> None:
    """What admins import comes in one request: many pictures, each no larger than an upload."""
    if request.endpoint in ("admin.import_", "admin.allow"):
        admin = current_user.is_authenticated and current_user.role.includes(Role.ADMIN)
        if admin:
            request.max_content_length = int(current_app.config["IMPORT_MB"] * 1e6)
        # That takes minutes to arrive, perhaps: who asks is looked up again when it has.
        db.session.rollback()
        g.pop("_login_user", None)


def address(endpoint: str, picture_id: int, name: str = "picture_id") -> str:
    """As `url_for`, of a page about one picture: a grid has hundreds, and what differs is the number alone."""
    return _address(endpoint, name, request.script_root).replace(SOME, str(picture_id))


def grid_of(member: str) -> str:
    """The address of all that a member has uploaded, on the grid."""
    return f"{_grid(request.script_root)}&member={quote_plus(member)}"


@cache
def _grid(_script_root: str) -> str:
    return url_for("moderator.grid", show="all")


@cache
def _address(endpoint: str, name: str, _script_root: str) -> str:
    some: dict[str, Any] = {name: SOME}
    return url_for(endpoint, **some)


def _static_version(endpoint: str, values: dict[str, object]) -> None:
    if endpoint == "static" and "filename" in values:
        values["v"] = _content_version(Path(current_app.static_folder or "") / str(values["filename"]))


@cache
def _content_version(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
