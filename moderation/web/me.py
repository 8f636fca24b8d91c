"""The own account: a new password, and where one is signed in."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import PasswordField
from wtforms.validators import InputRequired

from .. import accounts, limiting, sign_ins
from ..database import db, writing
from ..errors import Refusal, TooMany
from ..models import Account, Role
from . import limits
from .session import enter, known_browser, let_in, lifetime, only

bp = Blueprint("me", __name__, url_prefix="/account")
bp.before_request(only(Role.MEMBER))


class ChangePassword(FlaskForm):  # type: ignore[misc]
    current = PasswordField("Your password now", [InputRequired("Please enter the password that you have now.")])
    password = PasswordField("New password", [InputRequired("Please enter a new password.")])


@bp.get("/")
def page() -> ResponseReturnValue:
    return _page(ChangePassword())


@bp.post("/password")
def password() -> ResponseReturnValue:
    """A new one; everywhere else one is signed out."""
    form = ChangePassword()
    if not form.validate_on_submit():
        return _page(form), 422
    uses = limits.sign_in(current_user.name, known_browser(current_user.name))
    try:
        limiting.spend(*uses)
        proof = accounts.authenticate(current_user.name, form.current.data)
        if proof:
            for use in uses:
                limiting.give_back(*use)
        with writing():
            account = accounts.proven(proof)
            if account is None:
                form.current.errors = ["This is not the password that you have now."]
                return _page(form), 422
            accounts.set_password(account, form.password.data, account.id)
            visitor = let_in(account)
    except Refusal as refusal:
        wrong = form.current if isinstance(refusal, TooMany) else form.password
        wrong.errors = [str(refusal)]
        return _page(form), refusal.status, refusal.headers
    enter(visitor)
    flash("Your new password counts from now on. Wherever else you were signed in, you are signed out.", "good")
    return redirect(url_for("me.page"))


@bp.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """Everywhere, here too."""
    with writing():
        accounts.sign_out(db.session.get_one(Account, current_user.id), current_user.id)
    flash("You are signed out everywhere.")
    return redirect(url_for("account.home"))


def _page(form: ChangePassword) -> str:
    found = sign_ins.listed(current_user.id, lifetime())
    here = [sign_ins.is_of(one, current_user.secret) for one in found]
    return render_template("account/me.html", form=form, sign_ins=list(zip(found, here, strict=True)))
