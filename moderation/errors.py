"""A "no" with the sentence for the person who asked."""

from http import HTTPStatus


class Refusal(Exception):  # noqa: N818 - an answer, not a mishap
    """A request we understood and decline. The message is written for the person who asked."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class Unreadable(Refusal):
    """The bytes are not a picture that we can read."""


class TooLarge(Refusal):
    """The bytes are more, or the picture has more pixels, than is accepted."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class Busy(Refusal):
    """Not now; later it may work."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class Conflict(Refusal):
    """Somebody else was faster; the message says who decided what."""

    status = HTTPStatus.CONFLICT


class NotFound(Refusal):
    """There is no such thing."""

    status = HTTPStatus.NOT_FOUND


class Unavailable(Refusal):
    """It cannot be done for the moment, and nothing was changed."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
