"""Signing up, in and out; the first admin."""

from urllib.parse import urlsplit

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user, logout_user
from flask_wtf import FlaskForm
from itsdangerous import BadSignature, URLSafeTimedSerializer
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired

from .. import accounts
from ..database import writing
from ..errors import Conflict, Refusal
from ..models import Account, Role
from .session import Visitor

bp = Blueprint("account", __name__)

SETUP_HOURS = 24
"""How long a set-up link is good for, unless an admin is made before."""


class Credentials(FlaskForm):  # type: ignore[misc]
    name = StringField("Name", [InputRequired("Please enter a name.")])
    password = PasswordField("Password", [InputRequired("Please enter a password.")])


@bp.get("/")
def home() -> ResponseReturnValue:
    return redirect(_landing())


@bp.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    form = Credentials()
    if form.validate_on_submit():
        account = accounts.authenticate(form.name.data, form.password.data)
        if account:
            _enter(account)
            return redirect(_landing())
        form.password.errors = ["Name and password do not belong together."]
    return render_template("account/sign_in.html", form=form), 422 if form.errors else 200


@bp.route("/sign-up", methods=["GET", "POST"])
def sign_up() -> ResponseReturnValue:
    if not current_app.config["SIGN_UP"]:
        abort(404)
    return _create(Role.MEMBER, "account/sign_up.html")


@bp.route("/setup/<token>", methods=["GET", "POST"])
def setup(token: str) -> ResponseReturnValue:
    """The one-time link that the server prints while the site has no admin."""
    try:
        _setup_signer(current_app.secret_key).loads(token, max_age=SETUP_HOURS * 3600)
    except BadSignature:
        abort(404)
    if accounts.has_admin():
        raise Conflict("This site has an admin already. Please sign in.")
    return _create(Role.ADMIN, "account/setup.html")


@bp.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    logout_user()
    session.clear()
    flash("You are signed out.")
    return redirect(url_for("account.sign_in"))


def setup_token(secret_key: str) -> str:
    """What the set-up link ends with; good for `SETUP_HOURS` and until there is an admin."""
    return _setup_signer(secret_key).dumps("first admin")


def _setup_signer(secret_key: str | bytes | None) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret_key or "", salt="setup")


def _create(role: Role, template: str) -> ResponseReturnValue:
    form = Credentials()
    if form.validate_on_submit():
        try:
            with writing():
                if role is Role.ADMIN and accounts.has_admin():
                    raise Conflict("This site has an admin already. Please sign in.")
                account = accounts.create(form.name.data, form.password.data, role, own=True)
        except Refusal as refusal:
            form.name.errors = [str(refusal)]
        else:
            _enter(account)
            return redirect(_landing())
    return render_template(template, form=form), 422 if form.errors else 200


def _enter(account: Account) -> None:
    session.clear()
    session.permanent = True
    login_user(Visitor(account))


def _landing() -> str:
    """Where a person wanted to go, if it is on this site; else where the role's work is."""
    wanted = request.args.get("next", "")
    parts = urlsplit(wanted)
    if wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme:
        return wanted
    if not current_user.is_authenticated:
        return url_for("account.sign_in")
    return url_for("moderator.grid" if current_user.role.includes(Role.MODERATOR) else "member.page")
