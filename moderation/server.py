"""The production server: worker processes that share one address, each with its caretaker."""

import logging
import signal
import threading
import warnings
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from . import audit, logs, metrics, sweeping
from .context import EXTENSION
from .database import db, writing
from .logs import JsonLines
from .memory import give_back, keep_memory, set_aside
from .parts import Parts
from .patience import PatientWorker
from .settings import DEFAULTS

log = logging.getLogger(__name__)

CARE_SECONDS = 1.0
"""How often a worker looks for work that another process left half done."""

ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
"""Signals that end the server."""

TIDY = 2
"""After how many such looks it gives back the memory that lies unused."""


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with settings of ours; each worker makes an app of its own from the factory.

    One that takes the place of a worker that died has the settings of the others, whatever is in the file by then.
    """

    def __init__(self, make_app: Callable[..., Flask], options: dict[str, Any], told: dict[str, int]) -> None:
        """`options` are gunicorn's, of which those `told` count more than what the site has chosen."""
        self._make_app = make_app
        self._options = options
        self._told = told
        self.choose()
        super().__init__()

    def choose(self) -> None:
        """Read what the site has chosen, and have the audit log know it. Raises what the factory does."""
        app = self._make_app()
        with app.app_context():
            try:
                with writing():
                    audit.notice_settings({name: app.config[name] for name in DEFAULTS})
            finally:
                # The workers are forked from this process: no connection may come along.
                db.session.remove()
                db.engine.dispose()
        chosen = {"workers": app.config["WORKERS"], "threads": app.config["THREADS"]}
        self._options |= chosen | self._told
        self._chosen = {name: app.config[name] for name in (*DEFAULTS, *app.default_config)}

    def load_config(self) -> None:
        for name, value in self._options.items():
            if name in self.cfg.settings:  # older versions lack the control socket that we switch off
                self.cfg.set(name, value)

    def load(self) -> Flask:
        app = self._make_app(chosen=self._chosen)
        warm_up(app)
        return app

    def run(self) -> None:
        Master(self).run()


class Master(Arbiter):  # type: ignore[misc]
    """The process that keeps the workers."""

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        """What has come meanwhile: whatever ends the server before all else, and SIGHUP once, however often it came.

        Each of those may wait for the database.
        """
        found: list[int] = super().wait_for_signals(timeout)
        ending = [one for one in found if one in ENDS]
        return ending or [one for at, one in enumerate(found) if one != signal.SIGHUP or one not in found[:at]]

    def reload(self) -> None:
        """Workers with the settings as they are now; where these cannot be, the old ones go on."""
        try:
            self.app.choose()
        except Exception as error:
            self.log.error("The settings cannot be used, and all stays as it was: %s", error)
            return
        super().reload()


class JsonLogger(Logger):  # type: ignore[misc]
    """gunicorn's own lines, in JSON like all others."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(JsonLines())


def serve(make_app: Callable[..., Flask], host: str, port: int, workers: int | None, log_format: str) -> None:
    """Serve until stopped by a signal: SIGTERM ends what was begun and stops, SIGHUP starts the workers anew.

    With as many workers as told, whatever the setting says.
    """
    counters = metrics.share()
    logs.configure(log_format)
    options = {
        "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "worker_class": PatientWorker,
        "timeout": 60,
        "graceful_timeout": 20,
        "keepalive": 5,
        "loglevel": "warning",
        "control_socket_disable": True,
        # What a proxy says of who asks is ours to read, and only where PROXIES says that there is one.
        "forwarded_allow_ips": "",
        "forwarder_headers": "",
        "post_worker_init": lambda worker: take_care(worker.wsgi),
        "on_exit": lambda _arbiter: metrics.stop(counters),
    }
    if log_format == "json":
        options["logger_class"] = JsonLogger
    Server(make_app, options, {"workers": workers} if workers else {}).run()


def warm_up(app: Flask) -> None:
    """Load what the first request would otherwise wait for: the copies of the two lists, the decoder's process.

    While the database does not answer, the lists are left to that request: a worker that cannot start ends the server.
    """
    keep_memory()
    parts: Parts = app.extensions[EXTENSION]
    warnings.filterwarnings("ignore", module="PIL")  # of what is broken in a file, of which strangers send any amount
    parts.decoder.get_ready()
    metrics.counted()
    with app.app_context():
        try:
            len(parts.blocklist)
            len(parts.on_show)
        except sa.exc.OperationalError as error:
            log.error("The database does not answer, so that nothing is read from it yet: %s", error.orig)
        db.session.remove()
    set_aside()


def take_care(app: Flask) -> threading.Thread:
    """Start the thread that finishes what a process that died has begun, and keeps this one's memory tidy."""
    thread = threading.Thread(target=_care, args=(app, threading.Event()), name="caretaker", daemon=True)
    thread.start()
    return thread


def _care(app: Flask, stop: threading.Event) -> None:
    parts: Parts = app.extensions[EXTENSION]
    looks = done = 0
    while not stop.wait(0 if done else CARE_SECONDS):  # where something was left, there may be more
        looks += 1
        if looks % TIDY == 0:
            give_back()
        done = 0
        try:
            with app.app_context():
                done = sweeping.finish_work(parts)
            if done:
                log.info("Finished %d pieces of work.", done)
        except sa.exc.OperationalError as error:
            metrics.went_wrong("database")
            log.error("The database does not answer, so that nothing is taken over: %s", error.orig)
        except Exception:
            metrics.went_wrong("defect")
            log.exception("Work that was left half done could not be finished; trying again.")
