"""Who is signed in, and the cookie that says so."""

from collections.abc import Callable
from ipaddress import ip_address

from flask import Flask, Request, Response, abort, redirect, request, url_for
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user

from ..accounts import STAFF
from ..database import db
from ..models import Account, Role
from .answers import to_software, wants_json


class Visitor(UserMixin):  # type: ignore[misc]
    """A signed-in person, as of the beginning of the request."""

    def __init__(self, account: Account) -> None:
        self.id = account.id
        self.name = account.name
        self.role = account.role
        self.shield = account.shield
        self.entrusted = account.entrusted and account.role in STAFF
        self._session = account.session

    def get_id(self) -> str:
        return f"{self.id}:{self._session}"


sign_in_manager = LoginManager()


@sign_in_manager.user_loader  # type: ignore[untyped-decorator]
def _load(visitor_id: str) -> Visitor | None:
    number, _, session = visitor_id.partition(":")
    account = db.session.get(Account, int(number)) if number.isdecimal() else None
    # The account's session changes with its password: whoever was signed in before is not any more.
    return Visitor(account) if account and account.session == session else None


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
        if not to_software():
            super().save_session(app, session, response)

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
