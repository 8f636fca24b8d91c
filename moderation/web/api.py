"""The interface for other software: a picture in, the verdict out. Nothing is stored, and no cookie counts."""

import time
from http import HTTPStatus
from io import BytesIO
from typing import Any

from flask import Blueprint, current_app, request
from flask.typing import ResponseReturnValue
from werkzeug.formparser import FormDataParser

from .. import tokens
from ..context import parts
from ..errors import Refusal
from ..judging import judge
from ..matching import Hit
from ..views import label
from .answers import problem, read_rest

bp = Blueprint("api", __name__, url_prefix="/api/v1")


class Misshapen(Refusal):
    """The request does not hold one picture in a way that we can make out."""

    status = HTTPStatus.BAD_REQUEST


class Unsupported(Refusal):
    """The picture is wrapped in something that we do not open."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


@bp.before_request
def _with_a_token_only() -> ResponseReturnValue | None:
    """The guard of the whole interface. No view in it can forget it."""
    shown = request.authorization
    token = shown.token if shown and shown.type == "bearer" else None
    if token and tokens.is_valid(token):
        return None
    read_rest()
    challenge = 'Bearer realm="moderation"' + (', error="invalid_token"' if token else "")
    sentence = "Please send a valid token, as Authorization: Bearer mod_..."
    return problem(HTTPStatus.UNAUTHORIZED, sentence, {"WWW-Authenticate": challenge})


@bp.post("/check")
def check() -> ResponseReturnValue:
    """The verdict on one picture, by the blocklist as it is now."""
    data = _picture()
    started = time.perf_counter()
    try:
        print_ = parts().decoder.fingerprint(data)
        found = judge(parts(), print_)
    except Refusal:
        raise
    except Exception:
        # Fail closed: who gets no verdict must not take it for a good one.
        current_app.logger.exception("A picture could not be checked.")
        sentence = "The picture could not be compared. Please keep it back, and try again."
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, sentence)
    milliseconds = (time.perf_counter() - started) * 1000
    return {
        "verdict": found.verdict,
        **_described(found.gravest),
        "weak": print_.weak,
        "milliseconds": round(milliseconds, 2),
    }


def _described(hit: Hit | None) -> dict[str, Any]:
    """What brought the verdict about: the entry, in which views the two came near to each other, and how near."""
    if hit is None:
        return dict.fromkeys(("entry", "view", "asked", "distances", "agreement")) | {"identical": False}
    agreement = hit.agreement
    return {
        "entry": hit.id,
        "view": label(hit.view),
        "asked": label(hit.asked),
        "distances": {"dhash": hit.dhash, "phash": hit.phash},
        "agreement": agreement and {"share": round(agreement.share, 3), "correlation": round(agreement.correlation, 3)},
        "identical": hit.identical,
    }


def _picture() -> bytes:
    """The picture's bytes: the part `picture` of a form, or else the whole body."""
    if request.content_encoding not in (None, "identity"):
        raise Unsupported("Please send the picture as it is, without a Content-Encoding.")
    if request.mimetype == "multipart/form-data":
        return _part()
    if request.mimetype.startswith("multipart/"):
        raise Unsupported("Please send the picture as multipart/form-data, or as the body itself.")
    return request.get_data(cache=False)


def _part() -> bytes:
    # Flask's own parser takes a form that it cannot read for an empty one.
    parser = FormDataParser(
        stream_factory=_in_memory,
        max_content_length=request.max_content_length,
        silent=False,
    )
    try:
        _, _, files = parser.parse(request.stream, request.mimetype, request.content_length, request.mimetype_params)
    except ValueError as error:
        raise Misshapen("This multipart/form-data cannot be read: it is cut short or malformed.") from error
    pictures = files.getlist("picture")
    if len(pictures) != 1:
        raise Misshapen(
            f"There are {len(pictures)} pictures in this form. Please send one at a time."
            if pictures
            else "There is no picture in this form. Please send it as a file, in the part named picture."
        )
    data: bytes = pictures[0].read()
    return data


def _in_memory(
    total_content_length: int | None, content_type: str | None, filename: str | None, content_length: int | None = None
) -> BytesIO:
    """Where a file in a form goes: it is no larger than an upload may be."""
    return BytesIO()
