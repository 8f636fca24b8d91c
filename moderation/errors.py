"""A "no" with the sentence for the person who asked."""

from datetime import timedelta
from http import HTTPStatus
from math import ceil


class Refusal(Exception):  # noqa: N818 - an answer, not a mishap
    """A request we understood and decline. The message is written for the person who asked."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    @property
    def headers(self) -> dict[str, str]:
        """What the answer over HTTP says beside its status."""
        return {}


class Unreadable(Refusal):
    """The bytes are not a picture that we can read."""


class TooLarge(Refusal):
    """The bytes are more, or the picture has more pixels, than is accepted."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class Busy(Refusal):
    """Not now; later it may work."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class UnfitPassword(Refusal):
    """It will not do as a password; the message says why."""


class Conflict(Refusal):
    """Somebody else was faster; the message says who decided what."""

    status = HTTPStatus.CONFLICT


class HasAdmin(Conflict):
    """A first admin is wanted no more."""

    def __init__(self) -> None:
        super().__init__("This site has an admin already. Please sign in.")


class TooLong(Refusal):
    """What was typed into a field is longer than is kept."""

    def __init__(self, field: str, most: int, given: int) -> None:
        super().__init__(
            f"A {field} has at most {most} characters; this one has {given}. Nothing has been decided yet."
        )
        self.field = field


class NotFound(Refusal):
    """There is no such thing."""

    status = HTTPStatus.NOT_FOUND


class Unavailable(Refusal):
    """It cannot be done for the moment, and nothing was changed."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class TooMany(Refusal):
    """It was done too often; the message says how long to wait."""

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, why: str, wait: timedelta) -> None:
        seconds = max(1, ceil(wait.total_seconds()))
        number, unit = (ceil(seconds / 60), "minute") if seconds > 90 else (seconds, "second")
        super().__init__(f"{why} Please wait {number} {unit}{'' if number == 1 else 's'} and try again.")
        self.seconds = seconds

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.seconds)}
