"""Signing up, in and out; the first admin."""

import logging

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user
from flask_wtf import FlaskForm
from itsdangerous import BadSignature, URLSafeTimedSerializer
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired

from .. import accounts, limiting, links, sign_ins
from ..database import writing
from ..errors import HasAdmin, Refusal, TooMany, UnfitPassword
from ..models import Role
from . import limits
from .answers import is_ours
from .session import Visitor, enter, known_browser, let_in

bp = Blueprint("account", __name__)

log = logging.getLogger(__name__)

SETUP_HOURS = 24
"""How long a set-up link is good for, unless an admin is made before."""


class Credentials(FlaskForm):  # type: ignore[misc]
    name = StringField("Name", [InputRequired("Please enter a name.")])
    password = PasswordField("Password", [InputRequired("Please enter a password.")])


class NewPassword(FlaskForm):  # type: ignore[misc]
    password = PasswordField("New password", [InputRequired("Please enter a password.")])


@bp.get("/")
def home() -> ResponseReturnValue:
    return redirect(_landing())


@bp.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    form = Credentials()
    if form.validate_on_submit():
        name = form.name.data
        uses = limits.sign_in(name, known_browser(name))
        try:
            # Counted before the password is looked at: many at once are not more than one after another.
            last = limiting.spend(*uses)
        except TooMany as refusal:
            form.password.errors = [str(refusal)]
            return render_template("account/sign_in.html", form=form), refusal.status, refusal.headers
        visitor = _proven(name, form.password.data)
        if visitor:
            for use in uses:
                limiting.give_back(*use)
            enter(visitor)
            log.info("Account %d signed in.", visitor.id)
            return redirect(_landing())
        log.warning("A sign-in failed: wrong password, or no such name.")
        if last:
            accounts.note_lockout(name)
        form.password.errors = ["Name and password do not belong together."]
    return render_template("account/sign_in.html", form=form), 422 if form.errors else 200


def _proven(name: str, password: str) -> Visitor | None:
    """Whose name and password these are, who may come in."""
    proof = accounts.authenticate(name, password)
    if proof is None:
        return None
    with writing():
        account = accounts.proven(proof)
        return let_in(account) if account else None


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
        raise HasAdmin
    return _create(Role.ADMIN, "account/setup.html")


@bp.route("/password/<token>", methods=["GET", "POST"])
def password(token: str) -> ResponseReturnValue:
    """The one-time link that an admin hands out: its person chooses a password."""
    account = links.whose(token)
    form = NewPassword()
    if form.validate_on_submit():
        try:
            with writing():
                visitor = let_in(links.redeem(token, form.password.data))
        except UnfitPassword as refusal:
            form.password.errors = [str(refusal)]
        else:
            enter(visitor)
            flash("Your new password counts from now on.", "good")
            return redirect(_landing())
    page = render_template("account/password.html", form=form, name=account.name)
    return page, 422 if form.errors else 200


@bp.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    if current_user.is_authenticated:
        sign_ins.end(current_user.secret)
    logout_user()
    session.clear()
    flash("You are signed out.")
    answer = current_app.make_response(redirect(url_for("account.sign_in")))
    # The pages and pictures go from this browser too. Its cookies stay, by which it is known; and its storage, which
    # holds nothing about people: whether the grid's keys are on (WCAG 2.1.4), and since when there was no break.
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


def setup_token(secret_key: str) -> str:
    """What the set-up link ends with; good for `SETUP_HOURS` and until there is an admin."""
    return _setup_signer(secret_key).dumps("first admin")


def _setup_signer(secret_key: str | bytes | None) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret_key or "", salt="setup")


def _create(role: Role, template: str) -> ResponseReturnValue:
    form = Credentials()
    if form.validate_on_submit():
        try:
            limiting.spend(limits.sign_up())
            with writing():
                if role is Role.ADMIN and accounts.has_admin():
                    raise HasAdmin
                visitor = let_in(accounts.create(form.name.data, form.password.data, role, own=True))
        except (TooMany, HasAdmin) as refusal:
            form.form_errors = [str(refusal)]
            return render_template(template, form=form), refusal.status, refusal.headers
        except UnfitPassword as refusal:
            form.password.errors = [str(refusal)]
        except Refusal as refusal:
            form.name.errors = [str(refusal)]
        else:
            enter(visitor)
            return redirect(_landing())
    return render_template(template, form=form), 422 if form.errors else 200


def _landing() -> str:
    """Where a person wanted to go, if it is on this site; else where the role's work is."""
    wanted = request.args.get("next", "")
    if is_ours(wanted):
        return wanted
    if not current_user.is_authenticated:
        return url_for("account.sign_in")
    return url_for("moderator.grid" if current_user.role.includes(Role.MODERATOR) else "member.page")
