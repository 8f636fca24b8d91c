"""Answers when something is not as asked, for people, our script and other software; what every answer carries."""

import errno
import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

import sqlalchemy as sa
from flask import Flask, Response, current_app, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, HTTPException, MethodNotAllowed

from .. import metrics
from ..errors import Conflict, Refusal, TooLong

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def init_app(app: Flask) -> None:
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(TooLong, _too_long)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(ParseException, lambda error: _http_error(BadRequest()))
    for gone in (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError):
        app.register_error_handler(gone, _database_error)
    for unfit in (sa.exc.DataError, OverflowError):  # a number or a text that the database has no room for
        app.register_error_handler(unfit, lambda error: _http_error(BadRequest()))
    app.register_error_handler(OSError, _system_error)
    app.register_error_handler(Exception, _defect)
    app.after_request(_harden)


def wants_json() -> bool:
    """Whether the script on our pages asks, rather than a person's browser."""
    return request.accept_mimetypes.best == "application/json"


def back(otherwise: str) -> str:
    """The page of ours that the form says it was on; else that one."""
    given = request.form.get("back", "")
    pages = tuple(url_for(page) for page in ("moderator.grid", "blocklist.index", "admin.statistics"))
    return given if given.startswith(pages) and is_ours(given) else otherwise


def is_ours(address: str) -> bool:
    """Whether an address that somebody gave leads to this site, and can be led to at all."""
    return address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()


def to_software() -> bool:
    """Whether other software asks: the interface lies under an address of its own."""
    return request.path.startswith("/api/")


def problem(status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """What went wrong, for other software: RFC 9457."""
    fields = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
    return Response(json.dumps(fields), status, headers, content_type="application/problem+json")


def _answer(
    message: str,
    status: HTTPStatus,
    heading: str,
    typed: Sequence[str] = (),
    onward: tuple[str, str] | None = None,
) -> ResponseReturnValue:
    """`onward` is what the page leads to, by name and address; that is the start page where nothing else is said."""
    if to_software():
        return problem(status, message)
    if wants_json():
        return {"error": message}, status
    onward = onward or ("Go to the start page", url_for("account.home"))
    return render_template("error.html", message=message, heading=heading, typed=typed, onward=onward), status


def _typed() -> list[str]:
    """What somebody wrote into the form, which is not to be lost."""
    if to_software() or request.method != "POST":
        return []
    return [text for name in ("reason", "note", "text") if (text := request.form.get(name))]


def _refused(refusal: Refusal) -> ResponseReturnValue:
    # What has changed since that page was made, it shows by now.
    page = _came_from() if isinstance(refusal, Conflict) else None
    onward = ("Go back to the page", page) if page and urlsplit(page).path != request.path else None
    answer = current_app.make_response(_answer(str(refusal), refusal.status, "That did not work", _typed(), onward))
    answer.headers.extend(refusal.headers)
    return answer


def _too_long(refusal: TooLong) -> ResponseReturnValue:
    """The form once more, with all that was in it: nothing of what somebody typed is lost."""
    if wants_json() or to_software():
        return _refused(refusal)
    kept = [one for one in request.form.items(multi=True) if one[0] not in ("csrf_token", refusal.field)]
    return render_template("moderator/shorten.html", refusal=refusal, kept=kept), refusal.status


SENTENCES = {
    HTTPStatus.BAD_REQUEST: ("That did not work", "This request cannot be understood."),
    HTTPStatus.UNAUTHORIZED: ("You are signed out", "Sign in again and send it once more."),
    HTTPStatus.FORBIDDEN: ("Not for you", "Your account is not allowed to see this page."),
    HTTPStatus.NOT_FOUND: ("Not found", "There is nothing at this address."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("That did not work", "This address cannot be used in that way."),
}


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400:
        return error.get_response()
    status = HTTPStatus(error.code)
    if status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        read_rest()
        limit = current_app.config["MAX_UPLOAD_MB"]
        sentence = ("Too large", f"The file is larger than {limit:g} MB. Please choose a smaller picture.")
    elif isinstance(error, CSRFError):
        return _stale(status)
    elif status is HTTPStatus.UNAUTHORIZED and not to_software():
        return _signed_out(status)
    else:
        sentence = SENTENCES.get(status, ("That did not work", status.phrase))
    heading, message = sentence
    answer = current_app.make_response(_answer(message, status, heading))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(error.valid_methods)
    return answer


def _signed_out(status: HTTPStatus) -> ResponseReturnValue:
    heading, message = SENTENCES[status]
    if wants_json():
        return {"error": f"{heading}. Please reload the page and sign in."}, status
    onward = ("Sign in", url_for("account.sign_in", next=_came_from()))
    return _answer(message, status, heading, _typed(), onward)


def _stale(status: HTTPStatus) -> ResponseReturnValue:
    """The form's token is not this session's."""
    if request.endpoint == "account.sign_in" and current_user.is_authenticated:  # meanwhile, in another tab
        return redirect(url_for("account.home", next=request.args.get("next")))
    message = "This page is of an earlier sign-in, or was open for too long."
    message += f" Please {'' if wants_json() else 'go back, '}reload it and try again."
    page = _came_from()
    onward = ("Go back to the page", page) if page else None
    return _answer(message, status, "That did not work", _typed(), onward)


def _came_from() -> str | None:
    """The address of the page that the form was on, where it is one of ours that can be opened again."""
    try:
        page = urlsplit(request.referrer or "")
        if page.netloc == request.host and (ours := current_app.create_url_adapter(request)):
            ours.match(page.path, "GET")
            return urlunsplit(("", "", page.path, page.query, ""))
    except (ValueError, HTTPException):
        pass
    return None


def read_rest(most: int = 64_000_000) -> None:
    """Read what is left of a request that is not taken: many a client hears no answer while it is still sending."""
    source = request.environ["wsgi.input"]
    while most > 0 and (chunk := source.read(min(most, 1 << 16))):
        most -= len(chunk)


def _database_error(error: sa.exc.SQLAlchemyError) -> ResponseReturnValue:
    """It is locked, or gone. Each connection is tried before it is used, so that the first after that is answered."""
    current_app.logger.error("The database does not answer: %s", getattr(error, "orig", error))
    metrics.went_wrong("database")
    # The page is made without a look at who asks, which would be the next question that has no answer.
    g._login_user = current_app.login_manager.anonymous_user()  # type: ignore[attr-defined]
    message = "The site cannot reach its database at this moment. Please try again in a minute."
    if request.method not in ("GET", "HEAD"):
        message += " Look first whether it was done: if it was not, nothing was changed."
    answer = current_app.make_response(_answer(message, HTTPStatus.SERVICE_UNAVAILABLE, "Please try again"))
    answer.headers["Retry-After"] = "60"
    return answer


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""What passes when there is room again."""


def _system_error(error: OSError) -> ResponseReturnValue:
    if error.errno not in FULL:
        return _defect(error)
    current_app.logger.error("Nothing can be written: %s.", error.strerror)
    metrics.went_wrong("store")
    message = "There is no room at this moment. Nothing was changed. Please try again in some minutes."
    return _answer(message, HTTPStatus.SERVICE_UNAVAILABLE, "Please try again")


def _defect(error: Exception) -> ResponseReturnValue:
    current_app.logger.exception("A request failed.", exc_info=error)
    metrics.went_wrong("defect")
    message = "Something went wrong on our side. It has been written down. Please try again."
    return _answer(message, HTTPStatus.INTERNAL_SERVER_ERROR, "Our fault")


def _harden(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    if request.endpoint != "static":
        # A page shows what may be taken down the next moment.
        response.headers.setdefault("Cache-Control", "no-store")
    return response
