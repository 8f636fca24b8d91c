"""For whoever watches the site: is it alive, is it ready, what does it count."""

import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask import Blueprint, Response, current_app, request
from flask.typing import ResponseReturnValue

from .. import metrics, schema, sweeping, tokens
from ..appeals import number_waiting
from ..context import parts
from ..database import db, misplaced
from ..models import Counter, Decision, Picture, Status
from .answers import problem

if TYPE_CHECKING:
    from prometheus_client.core import GaugeMetricFamily

bp = Blueprint("health", __name__)

SECOND = 1.0
"""So long an answer to "is it ready" is good for, however many ask."""

PASSED_ON = ("x-forwarded-", "forwarded", "via", "x-real-ip")
"""Headers by which a proxy says for whom it asks."""

_lock = threading.Lock()
_known: tuple[float, list[str]] = (-SECOND, [])


@bp.get("/healthz")
def alive() -> ResponseReturnValue:
    """The process answers. Looks at nothing else: a database that is gone does not come back by starting us anew."""
    return Response("alive\n", mimetype="text/plain")


@bp.get("/readyz")
def ready() -> ResponseReturnValue:
    """Whether requests can be sent here: database reachable and up to date, pictures can be stored, lists are read."""
    global _known
    with _lock:
        if time.monotonic() - _known[0] >= SECOND:
            _known = time.monotonic(), list(_reasons())
        reasons = _known[1]
    return {"ready": not reasons, "reasons": reasons}, 503 if reasons else 200


@bp.get("/metrics")
def figures() -> ResponseReturnValue:
    """Prometheus' text. For this very machine, or with a token: what a site refuses is nobody else's business."""
    if not (_from_this_machine() or _with_a_token()):
        challenge = 'Bearer realm="moderation"'
        return problem(HTTPStatus.UNAUTHORIZED, "Please send a valid token.", {"WWW-Authenticate": challenge})
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_LATEST

    state = CollectorRegistry()
    state.register(_State())
    text = generate_latest(metrics.registry()) + generate_latest(state)
    return Response(text, content_type=CONTENT_TYPE_LATEST)


def _reasons() -> Iterator[str]:
    """Why not to send requests here, each a sentence that tells strangers nothing."""
    try:
        with db.engine.connect() as connection:
            if misplaced(connection):
                metrics.went_wrong("database")
                yield "The database's file is not where it was."
                return
            if schema.revision(connection) != schema.revisions()[-1]:
                yield "The database has the tables of another version."
                return
        for copy in (parts().blocklist, parts().known_good, parts().on_show):
            len(copy)  # which catches up
    except sa.exc.SQLAlchemyError:
        metrics.went_wrong("database")
        yield "The database does not answer."
    except Exception:
        current_app.logger.exception("The lists cannot be read.")
        yield "The lists cannot be read."
    finally:
        db.session.remove()
    try:
        parts().store.probe()
    except OSError:
        metrics.went_wrong("store")
        yield "Pictures cannot be stored."


class _State:
    """How things are at this moment; read when it is asked for."""

    def describe(self) -> "Iterator[GaugeMetricFamily]":
        return iter(())  # which spares a look at the registration

    def collect(self) -> "Iterator[GaugeMetricFamily]":
        from prometheus_client.core import GaugeMetricFamily

        up = GaugeMetricFamily("moderation_database_up", "Whether the database answers, and is where it was.")
        try:
            found = self._of_database()
            answers = not misplaced(db.session.connection())
        except sa.exc.SQLAlchemyError:
            found, answers = [], False
        finally:
            db.session.remove()
        up.add_metric([], float(answers))
        yield up
        yield from found

    def _of_database(self) -> "list[GaugeMetricFamily]":
        from prometheus_client.core import GaugeMetricFamily

        length = GaugeMetricFamily("moderation_index_length", "Pictures in this process's copy.", labels=["list"])
        version = GaugeMetricFamily("moderation_index_version", "Up to which that copy is.", labels=["list"])
        latest = GaugeMetricFamily("moderation_list_version", "The list's in the database.", labels=["list"])
        versions = {row[0]: row[1] for row in db.session.execute(sa.select(Counter.name, Counter.version))}
        for copy in (parts().blocklist, parts().known_good, parts().on_show):
            length.add_metric([copy.counter], len(copy))
            version.add_metric([copy.counter], copy.version)
            latest.add_metric([copy.counter], versions[copy.counter])
        waiting = GaugeMetricFamily("moderation_waiting", "What waits for somebody, or for its turn.", labels=["for"])
        for name, number in self._waiting().items():
            waiting.add_metric([name], number)
        return [length, version, latest, waiting]

    def _waiting(self) -> dict[str, int]:
        def number(query: sa.Select[Any]) -> int:
            return db.session.scalar(sa.select(sa.func.count()).select_from(query.subquery())) or 0

        return {
            "near match": number(sa.select(Picture.id).filter_by(status=Status.HELD)),
            "appeal": number_waiting(all_=True),
            "check": number(sa.select(Picture.id).filter_by(status=Status.PENDING)),
            "sweep": number(sa.select(Decision.id).where(Decision.lease.is_not(None))),
            "overdue": sweeping.overdue(parts()),
        }


def _from_this_machine() -> bool:
    """Whether somebody on this machine asks, and no proxy for somebody else."""
    if not current_app.config["METRICS_LOCAL"]:
        return False
    proxied = any(name.lower().startswith(PASSED_ON) for name, _ in request.headers)
    try:
        return not proxied and ip_address(request.environ.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _with_a_token() -> bool:
    shown = request.authorization
    return bool(shown and shown.type == "bearer" and shown.token and tokens.is_valid_or_was(shown.token))
