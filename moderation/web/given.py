"""What a request says, as far as a database can be asked for it."""

from typing import Any

from flask import Request
from werkzeug.datastructures import FileStorage, ImmutableMultiDict
from werkzeug.exceptions import BadRequest
from werkzeug.routing import IntegerConverter, Map

MOST = 2**31 - 1
"""The largest number that an id can be."""


class Given(ImmutableMultiDict[str, Any]):
    """The fields of a form or an address. A number that no id can be counts as none; a NUL is in nothing sensible."""

    def __init__(self, mapping: Any = None) -> None:
        super().__init__(mapping)
        for value in self.values():
            text = value.filename if isinstance(value, FileStorage) else value
            if text and "\0" in text:
                raise BadRequest

    def get(  # type: ignore[override]
        self,
        key: str,
        default: Any = None,
        type: Any = None,  # noqa: A002 - werkzeug's
    ) -> Any:
        return super().get(key, default, _number if type is int else type)

    def getlist(self, key: str, type: Any = None) -> list[Any]:  # noqa: A002
        return super().getlist(key, _number if type is int else type)


class Asked(Request):
    parameter_storage_class = Given


class Id(IntegerConverter):
    """An id in an address; beyond what one can be, there is nothing."""

    def __init__(self, map: Map, max: int = MOST, **options: Any) -> None:  # noqa: A002 - werkzeug's
        super().__init__(map, max=max, **options)


def _number(text: str) -> int:
    number = int(text)
    if abs(number) > MOST:
        raise ValueError(text)
    return number
