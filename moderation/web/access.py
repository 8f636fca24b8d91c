"""What is written down of each request: a line in the log, and the counters."""

import re
import secrets
import time

from flask import Flask, Response, current_app, g, request

from .. import logs, metrics

GIVEN = re.compile(r"[A-Za-z0-9._:-]{1,64}")
"""An id that a proxy may give to a request."""


def init_app(app: Flask) -> None:
    app.before_request_funcs.setdefault(None, []).insert(0, _begin)
    app.after_request(_end)
    app.teardown_request(_forget)


def _begin() -> None:
    """Every request has an id. One that comes with it counts where a proxy is trusted to have set it."""
    g.began = time.perf_counter()
    given = request.headers.get("X-Request-ID", "") if current_app.config["PROXIES"] else ""
    g.request_id = given if GIVEN.fullmatch(given) else secrets.token_hex(8)
    logs.request_id.set(g.request_id)


def _end(response: Response) -> Response:
    seconds = time.perf_counter() - g.began
    # The rule and not the address, in which a name or a secret may stand.
    route = request.url_rule.rule if request.url_rule else "none"
    account = getattr(g.get("_login_user"), "id", None)  # as far as somebody asked for it: it costs a look
    metrics.answered(request.method, route, response.status_code, seconds)
    logs.answered(
        method=request.method,
        route=route,
        status=response.status_code,
        ms=round(seconds * 1000, 1),
        account=account,
    )
    response.headers["X-Request-ID"] = g.request_id
    return response


def _forget(_error: BaseException | None) -> None:
    logs.request_id.set("")
