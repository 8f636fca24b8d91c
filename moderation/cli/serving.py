"""Commands that run the site."""

import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request
from pathlib import Path

import click

from ..logs import FORMATS
from ..memory import loading
from . import Failure, instance_folder, instance_option

HOST = "127.0.0.1"


@click.command()
@click.option("--host", default=HOST, show_default=True, help="The address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", type=click.IntRange(1, 64), help="Worker processes  [default: the setting WORKERS]")
@click.option(
    "--log-format", type=click.Choice(FORMATS), help="How to log to standard error  [default: the setting LOG_FORMAT]"
)
@instance_option
def serve(host: str, port: int, workers: int | None, log_format: str | None) -> None:
    """Run the site."""
    # Until the server listens to it itself: it has the settings as they are now, in any case.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with loading():  # not before: it takes most of the time until then
        from .. import accounts
        from ..app import create_app, migrate
        from ..database import db, tune
    _check_free(host, port)
    folder = instance_folder()
    app = create_app(folder)
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    with app.app_context():
        migrate()
        tune()
        _end_at_ctrl_c()
        click.echo(f"Serving {app.instance_path}\nat {url}")
        if not accounts.has_admin():
            site = _by_name(app.config["HOSTS"].split(), app.config["PROXIES"], port) or url
            click.echo(f"There is no admin yet. Make yourself one: {site}/setup/{_setup_token(app.secret_key)}")
        db.session.remove()
        db.engine.dispose()

    from .. import server

    server.serve(functools.partial(create_app, folder), host, port, workers, log_format or app.config["LOG_FORMAT"])


@click.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--photos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Use the photographs in this folder instead of drawn pictures.",
)
@click.option("--every", default=4.0, show_default=True, type=click.FloatRange(0.1), help="Seconds between uploads.")
def demo(port: int, photos: Path | None, every: float) -> None:
    """Run a throw-away site with people and pictures, and a member who keeps uploading. It is gone at the end."""
    _check_free(HOST, port)
    with loading():
        from .. import demo as site
        from ..app import create_app, migrate
        from ..context import parts
        from ..database import db

    folder = Path(tempfile.mkdtemp(prefix="moderation-demo-"))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    server = None
    try:
        # Few members upload very much: what several people try in an hour elsewhere, one tries here.
        app = create_app(folder, DURABLE=False, HOLD_AFTER=0)
        with app.app_context():
            migrate()
            click.echo("Drawing and uploading pictures ..." if photos is None else f"Uploading from {photos} ...")
            site.furnish(parts(), photos)
            db.session.remove()
            server = _start(folder, port)
            click.echo(f"\nOpen http://{HOST}:{port} and sign in as:")
            for person in site.PEOPLE:
                click.echo(f"  {person.role:<10} {person.name:<10} password {person.password}")
            click.echo("\nA member uploads a picture every few seconds. Ctrl-C ends it, and all of it is gone.")
            site.keep_uploading(parts(), photos, stop, every)
    except KeyboardInterrupt:
        click.echo("\nThe demo is over.")
    finally:
        if server:
            server.terminate()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """The server as a process of its own, once it answers."""
    server = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "moderation", "serve", "--port", str(port), "--instance", str(folder)],
        env=os.environ | {"MODERATION_DURABLE": "false"},
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for us, who then stop it
    )
    for _ in range(300):
        if server.poll() is not None:
            raise Failure("The server did not start.")
        try:
            urllib.request.urlopen(f"http://{HOST}:{port}/sign-in", timeout=1).close()
        except OSError:
            threading.Event().wait(0.1)
        else:
            return server
    raise Failure("The server does not answer.")


def _end_at_ctrl_c() -> None:
    """Until the server listens to signals itself, Ctrl-C is the system's to carry out.

    Python's own way, an exception, is lost where it meets the clearing up of an object, of which an app makes many.
    Where Ctrl-C is not for us, as in the background, it stays so.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _check_free(host: str, port: int) -> None:
    """Raises `Failure` where nobody can listen, before anything is started."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        raise Failure(f"Cannot listen on {host}, port {port}: {error.strerror}.") from error


def _by_name(hosts: list[str], proxies: int, port: int) -> str | None:
    """Where people open the site, by the first of its names: others are not answered. None where any will do.

    A reverse proxy in front is taken to answer for HTTPS.
    """
    if not hosts:
        return None
    name = hosts[0].lstrip(".")
    return f"https://{name}" if proxies else f"http://{name}:{port}"


def _setup_token(secret_key: str | bytes | None) -> str:
    from ..web.account import setup_token

    return setup_token(str(secret_key))
