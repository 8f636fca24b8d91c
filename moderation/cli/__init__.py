"""The commands: `moderation`, with one module for each kind of user."""

import importlib
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial, wraps
from types import ModuleType
from typing import IO, Any, ParamSpec, TypeVar

import click

from ..errors import Refusal
from ..memory import loading

COMMANDS = {
    "serve": "serving",
    "demo": "serving",
    "gather": "folders",
    "index": "folders",
    "search": "folders",
    "duplicates": "folders",
    "compare": "folders",
    "check": "blocking",
    "blocklist": "blocking",
    "accounts": "people",
    "tokens": "tokens",
    "audit": "audit",
    "backup": "upkeep",
    "restore": "upkeep",
    "purge": "upkeep",
    "doctor": "upkeep",
    "refingerprint": "upkeep",
}
"""Each command's module, imported only when it is called: `moderation search` has no need of the web."""


INTERRUPTED, PIPE_CLOSED = 130, 141
"""Exit codes: as a shell tells of programs that end by Ctrl-C, or because nobody reads on."""


class Failure(click.ClickException):
    """A command could not do what it was asked: the sentence on standard error, and exit code 2."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        with suppress(OSError):  # which may be what has failed
            super().show(file)


P = ParamSpec("P")
T = TypeVar("T")


class Commands(click.Group):
    """The top level. A "no" is a sentence on standard error and exit code 2, never a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(_loaded(f"{__name__}.{COMMANDS[name]}"), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            raise Failure(str(refusal)) from refusal
        except (KeyboardInterrupt, click.Abort) as ended:
            # At a question Ctrl-C comes as click's Abort, and so does an answer that is no yes.
            if isinstance(ended, click.Abort) and not isinstance(ended.__context__, KeyboardInterrupt):
                raise
            click.echo("\nAborted!", err=True)
            sys.exit(INTERRUPTED)
        except BrokenPipeError:
            _let_output_go()
            sys.exit(PIPE_CLOSED)
        except OSError as error:
            _let_output_go()
            where = f"{click.format_filename(error.filename)}: " if error.filename else ""
            raise Failure(f"{where}{error.strerror or error}.") from error
        except Exception as error:
            if not _of_database(error):
                raise
            said = " ".join(str(getattr(error, "orig", None) or error).split())
            raise Failure(f"The database cannot be used: {said.rstrip('.')}.") from error


def _of_database(error: Exception) -> bool:
    """Whether it is SQLAlchemy's. Asked without loading that: most commands on folders never do."""
    library = sys.modules.get("sqlalchemy")
    return library is not None and isinstance(error, library.exc.SQLAlchemyError)


def _let_output_go() -> None:
    """What could not be written is given up, or Python would complain of it at the end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _loaded(name: str) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    with loading():
        return importlib.import_module(name)


def instance_option(command: Callable[P, T]) -> Callable[P, T]:
    """`--instance DIR`, understood before and after a command's name. Read it with `instance_folder`."""

    def keep(ctx: click.Context, _option: click.Parameter, value: str | None) -> None:
        if value is not None:
            ctx.find_root().obj = value

    return click.option(
        "--instance",
        metavar="DIR",
        expose_value=False,
        callback=keep,
        type=click.Path(file_okay=False),
        help="The folder of database and pictures  [env: MODERATION_INSTANCE]",
    )(command)


def instance_folder() -> str | None:
    """The folder given with `--instance`, if one was."""
    folder: str | None = click.get_current_context().find_root().obj
    return folder


@contextmanager
def site(begin: bool = False) -> Iterator[None]:
    """The app of the instance asked for, its database migrated.

    Raises `Refusal` where no site is, and makes nothing there, unless one may begin: to a mistyped folder `check` would
    say that nothing is blocked.
    """
    _loaded("moderation.app")
    from flask import Flask

    from .. import instance, schema, settings
    from ..app import create_app, migrate
    from ..database import db

    if logging.lastResort:  # what writes the log of a program that has nothing arranged for it
        logging.lastResort.addFilter(_is_no_ctrl_c)
    place = instance.place(instance_folder())
    missing = Refusal(f"There is no site in {place}.")
    chosen = settings.read(place, Flask.default_config)
    if not begin and not instance.may_have_site(place, chosen.get("DATABASE_URL", "")):
        raise missing
    app = create_app(place, chosen)
    with app.app_context():
        try:
            with db.engine.connect() as connection:
                new = schema.revision(connection) is None
            if new and not begin:
                raise missing
            migrate()
            if new:
                click.echo(f"Began a new site in {place}.", err=True)
            yield
        finally:
            db.session.remove()
            db.engine.dispose()


def _is_no_ctrl_c(record: logging.LogRecord) -> bool:
    """Whether a line of the log tells more than that Ctrl-C came in the middle of something, which is said anyway."""
    return not (record.exc_info and record.exc_info[0] is KeyboardInterrupt)


def with_app(command: Callable[P, T]) -> Callable[P, T]:
    """Run a command on the site that is there."""
    return _within(site, command)


def with_new_app(command: Callable[P, T]) -> Callable[P, T]:
    """Run a command with which a site may begin."""
    return _within(partial(site, begin=True), command)


def _within(where: Callable[[], AbstractContextManager[None]], command: Callable[P, T]) -> Callable[P, T]:
    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with where():
            return command(*args, **kwargs)

    return instance_option(run)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="moderation")
@instance_option
def main() -> None:
    """Keeps indecent pictures off a site of members' profile pictures; and fingerprints folders of photographs."""
