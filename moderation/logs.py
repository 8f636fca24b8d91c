"""Logs as lines of JSON, for programs that collect them; each knows the request that it belongs to."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

FORMATS = ("text", "json")

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The request that is being answered; empty outside of one."""

access = logging.getLogger("moderation.access")
"""A line for each request, in JSON only."""


class JsonLines(logging.Formatter):
    """A record as one line: when, how bad, who says what, in which request, and after which error."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id.get():
            line["request"] = request_id.get()
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(kind: str) -> None:
    """Log to standard error in that format: "text", as Python does by itself, or "json"."""
    if kind != "json":
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    access.setLevel(logging.INFO)


def answered(**fields: object) -> None:
    """The line of one request; never a picture, a name or an address."""
    access.info("answered", extra={"fields": fields})
