"""Who is signed in, and the cookie that says so."""

import logging
import secrets
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address

from flask import (
    Flask,
    Request,
    Response,
    abort,
    after_this_request,
    current_app,
    redirect,
    request,
    session,
    url_for,
)
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_user
from itsdangerous import BadSignature, URLSafeSerializer

from .. import sign_ins
from ..accounts import STAFF, key_of
from ..models import Account, Role
from ..sign_ins import Lifetime
from .answers import to_software, wants_json

log = logging.getLogger(__name__)

OPEN_PAGES = {"moderator.changes", "cases.claim", "member.file", "member.thumbnail", "blocklist.look", "static"}
"""What a page asks for by itself while it is open: it keeps nobody signed in."""

KNOWN = "known"
"""The cookie by which a browser is known that has signed in to an account before."""

KNOWN_FOR = timedelta(days=180)

FLASHES = 8
"""Sentences at most, the latest, that wait for the next page: browsers throw a cookie of more than 4 kB away."""


class Visitor(UserMixin):  # type: ignore[misc]
    """A signed-in person, as of the beginning of the request."""

    def __init__(self, account: Account, secret: str) -> None:
        self.id = account.id
        self.secret = secret
        self.name = account.name
        self.role = account.role
        self.shield = account.shield
        self.entrusted = account.entrusted and account.role in STAFF
        self._session = account.session

    def get_id(self) -> str:
        return f"{self._session}:{self.secret}"


sign_in_manager = LoginManager()


@sign_in_manager.user_loader  # type: ignore[untyped-decorator]
def _load(visitor_id: str) -> Visitor | None:
    account_session, _, secret = visitor_id.partition(":")
    account = sign_ins.current(secret, lifetime(), doing=request.endpoint not in OPEN_PAGES)
    # The account's session changes with its password: whoever was signed in before is not any more.
    if account is None or account.session != account_session or account.deactivated:
        return None
    return Visitor(account, secret)


def lifetime() -> Lifetime:
    config = current_app.config
    return Lifetime(timedelta(hours=config["SESSION_HOURS"]), timedelta(hours=config["SESSION_MOST_HOURS"]))


def let_in(account: Account) -> Visitor:
    """Somebody who may `enter`, by a secret that nobody knew before; as part of the transaction that makes sure."""
    before = current_user.secret if current_user.is_authenticated else ""
    return Visitor(account, sign_ins.begin(account, lifetime(), before))


def enter(visitor: Visitor) -> None:
    """This browser is signed in from now on."""
    session.clear()
    session.permanent = True
    login_user(visitor)
    _know(visitor.name)


def known_browser(name: str) -> str:
    """What tells this browser from others that have signed in to the account; empty where it never has."""
    try:
        key, browser = _browsers().loads(request.cookies.get(_cookies().prefixed(KNOWN), ""))
    except (BadSignature, ValueError, TypeError):
        return ""
    return str(browser) if key == key_of(name) else ""


def _know(name: str) -> None:
    if known_browser(name):
        return
    value = _browsers().dumps([key_of(name), secrets.token_hex(8)])

    @after_this_request
    def keep(response: Response) -> Response:
        app, cookies = current_app._get_current_object(), _cookies()  # type: ignore[attr-defined]
        response.set_cookie(
            cookies.prefixed(KNOWN),
            value,
            max_age=KNOWN_FOR,
            secure=cookies.get_cookie_secure(app),
            httponly=True,
            samesite="Lax",
        )
        return response


def _browsers() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.secret_key or "", salt="known browser")


def _cookies() -> "LocalHttpCookies":
    interface = current_app.session_interface
    assert isinstance(interface, LocalHttpCookies)
    return interface


@sign_in_manager.unauthorized_handler  # type: ignore[untyped-decorator]
def _sign_in_first() -> ResponseReturnValue:
    if request.method == "GET" and not wants_json():
        return redirect(url_for("account.sign_in", next=request.full_path.rstrip("?")))
    return abort(401)


def only(role: Role) -> Callable[[], ResponseReturnValue | None]:
    """The guard of an area: for people with that role. No view in it can forget it."""

    def guard() -> ResponseReturnValue | None:
        if not current_user.is_authenticated:
            answer: ResponseReturnValue = sign_in_manager.unauthorized()
            return answer
        if not current_user.role.includes(role):
            log.warning("Account %d may not enter %s.", current_user.id, request.endpoint)
            abort(403)
        return None

    return guard


class LocalHttpCookies(SecureCookieSessionInterface):
    """Cookies over HTTPS only, save on plain HTTP to this very machine, where nobody listens in.

    Other software neither sends nor gets any.
    """

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        return self.session_class() if to_software() else super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if to_software():
            return
        # Flask's name for what is flashed. Who asks without ever looking at a page would gather more and more.
        if len(said := session.get("_flashes", ())) > FLASHES:
            session["_flashes"] = said[-FLASHES:]
        super().save_session(app, session, response)

    def get_cookie_name(self, app: Flask) -> str:
        return self.prefixed(super().get_cookie_name(app))

    def prefixed(self, name: str) -> str:
        """The cookie's name; over HTTPS one that no other host, nor plain HTTP, can set a cookie by."""
        return f"__Host-{name}" if self.get_cookie_secure(current_app) else name

    def get_cookie_secure(self, app: Flask) -> bool:
        setting = app.config["SECURE_COOKIES"]
        if setting != "auto":
            return bool(setting)
        proxied = any(name.lower().startswith(("x-forwarded-", "forwarded")) for name in request.headers.keys())  # noqa: SIM118
        return request.is_secure or proxied or not _is_local(request.host)


def _is_local(host: str) -> bool:
    name = host.rsplit(":", 1)[0].strip("[]") if not host.endswith("]") else host.strip("[]")
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
