"""The factory: settings, parts, edges."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask, current_app

from . import instance, schema, web
from .blocklist import Blocklist
from .canonical import Limits
from .codes import Codes
from .context import EXTENSION
from .database import db, engine_options, listen, tune
from .decoder import Bounds, Decoder
from .engines import ENGINES
from .errors import Refusal
from .filestore import Folder
from .known_good import KnownGoodList
from .matching import Policy, Zone
from .onshow import Down, OnShow
from .parts import Parts, Patience
from .settings import DEFAULTS, read


def create_app(
    folder: str | os.PathLike[str] | None = None, chosen: Mapping[str, Any] | None = None, **settings: object
) -> Flask:
    """The application on that instance folder: settings, parts, edges. Raises `Refusal` for settings that cannot be.

    What the site has `chosen` is read now, unless it is given.
    """
    place = instance.folder(folder)
    app = Flask(
        __name__,
        instance_path=str(place),
        instance_relative_config=True,
        template_folder=instance.shipped("templates"),
        static_folder=instance.shipped("static"),
    )
    chosen = read(place, app.default_config) if chosen is None else chosen
    app.config.update({**DEFAULTS, **chosen, **settings})
    app.config["SECRET_KEY"] = app.config["SECRET_KEY"] or instance.secret_key(place)

    url = instance.database_url(place, app.config["DATABASE_URL"])
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url, app.config["DURABLE"])
    try:
        db.init_app(app)
    except (sa.exc.ArgumentError, ImportError) as error:
        raise Refusal(f"DATABASE_URL: {error}") from error
    except ValueError:  # whose words have what stands there: the rest of a password with an @ in it, say
        raise Refusal("DATABASE_URL: the port in it is not a number.") from None
    with app.app_context():
        listen(db.engine)

    app.extensions[EXTENSION] = _parts(app, place)
    web.init_app(app)
    return app


def migrate(revision: str = "head") -> None:
    """Bring the current app's database up to the tables of this version, or of an earlier revision.

    Who finds it up to date only reads. Raises `Refusal` where it is of a later version.
    """
    if revision != "head" or not _is_up_to_date():
        with _flask_migrate() as library:
            library.upgrade(revision=revision)
        tune()


def migrate_back(revision: str) -> None:
    """Bring the current app's database back to the tables of an earlier revision."""
    with _flask_migrate() as library:
        library.downgrade(revision=revision)


def _is_up_to_date() -> bool:
    with db.engine.connect() as connection:
        found, known = schema.revision(connection), schema.revisions()
    if found is not None and found not in known:
        raise Refusal(f"The database is of a later version of moderation (revision {found}). Please update this one.")
    return found == known[-1]


@contextmanager
def _flask_migrate() -> Iterator[Any]:
    """The library, ready for the current app. Loaded here alone: most commands and starts have nothing to migrate."""
    import flask_migrate

    logging.getLogger("alembic").setLevel(logging.WARNING)
    flask_migrate.Migrate(current_app, db, directory=str(schema.MIGRATIONS), render_as_batch=True)
    try:
        yield flask_migrate
    except SystemExit as error:  # after a line in the log that says why
        raise Refusal("The tables of the database cannot be brought to those of this version.") from error


def _parts(app: Flask, place: Path) -> Parts:
    config = app.config
    return Parts(
        store=Folder(place / config["PICTURE_STORE"], config["DURABLE"]),
        blocklist=Blocklist(ENGINES[config["INDEX_ENGINE"]]),
        on_show=OnShow(),
        down=Down(),
        known_good=KnownGoodList(),
        codes=Codes(),
        policy=_policy(config),
        patience=Patience(config["HOLD_AFTER"], config["HOLD_AFTER_ADDRESS"]),
        decoder=Decoder(
            Limits(int(config["MAX_UPLOAD_MB"] * 1e6), int(config["MAX_MEGAPIXELS"] * 1e6)),
            Bounds(config["DECODE_SECONDS"], config["DECODE_MB"], config["DECODE_AT_ONCE"]),
            place,
        ),
        lease=timedelta(seconds=config["LEASE_SECONDS"]),
    )


def _policy(config: Mapping[str, Any]) -> Policy:
    try:
        return Policy(
            Zone(config["REFUSE_DHASH"], config["REFUSE_PHASH"]),
            Zone(config["HOLD_DHASH"], config["HOLD_PHASH"]),
            widest=config["CANDIDATE_DHASH"],
            candidate=config["CANDIDATE_PHASH"],
            hold_share=config["HOLD_SHARE"],
            refuse_correlation=config["REFUSE_CORRELATION"],
        )
    except ValueError:
        raise Refusal(
            "REFUSE_DHASH may be at most HOLD_DHASH, that at most CANDIDATE_DHASH, and REFUSE_PHASH at most HOLD_PHASH."
        ) from None
