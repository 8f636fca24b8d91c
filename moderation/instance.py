"""The instance folder: where it is, and the secret key, settings and database in it."""

import os
import secrets
from pathlib import Path

import platformdirs

from .errors import Refusal

PACKAGE = Path(__file__).parent
CHECKOUT = PACKAGE.parent

DATABASE = "moderation.sqlite"
"""The database's file, unless the settings name another one."""


def default_folder() -> Path:
    """`instance` in a checkout of the source; for an installed package, a folder of the user's own."""
    if (CHECKOUT / "templates").is_dir() and (CHECKOUT / "pyproject.toml").is_file():
        return CHECKOUT / "instance"
    return platformdirs.user_data_path("moderation", appauthor=False)


def place(given: str | os.PathLike[str] | None) -> Path:
    """The instance folder asked for, else that of MODERATION_INSTANCE, else the default; it may be missing."""
    return Path(given or os.environ.get("MODERATION_INSTANCE") or default_folder()).expanduser().absolute()


def folder(given: str | os.PathLike[str] | None) -> Path:
    """That folder, made where it is missing. Raises `Refusal` where it cannot be."""
    path = place(given)
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Refusal(f"The folder {path} cannot be made: {error.strerror}.") from error
    return path


def may_have_site(path: Path, url: str) -> bool:
    """Whether there is anything to look for a site in, by the setting DATABASE_URL: a server, or a database's file."""
    if url and not url.startswith("sqlite:///"):
        return True
    name = url.removeprefix("sqlite:///").partition("?")[0] or DATABASE
    return name.startswith("file:") or (path / name).exists()


def shipped(name: str) -> Path:
    """`templates` or `static`: inside the package once it is built, beside it in a checkout."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else CHECKOUT / name


def secret_key(instance: Path) -> str:
    """The key that sessions are signed with: made at the first start, and readable by nobody else."""
    path = instance / "secret_key"
    try:
        return path.read_text()
    except FileNotFoundError:
        # Written whole under a name of its own, then linked: of two processes that start at once, one wins.
        draft = instance / f".secret_key.{secrets.token_hex(8)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return path.read_text()


def database_url(instance: Path, url: str) -> str:
    return url or f"sqlite:///{instance / DATABASE}"
