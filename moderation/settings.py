"""The settings: what a site has chosen, and what `config.py` says of each, in groups that one sentence speaks of."""

import difflib
import inspect
import os
import re
import runpy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from . import config
from .errors import Refusal

PREFIX = "MODERATION_"
"""Of environment variables that choose a setting."""

ALIKE = 0.8
"""From this likeness on a variable's name is a setting's, spelt wrong. Others are not ours: Kubernetes sets
MODERATION_PORT for a service of that name."""

DEFAULTS = {name: value for name, value in vars(config).items() if name.isupper()}

CHOICES: Mapping[str, tuple[object, ...]] = {
    "INDEX_ENGINE": ("auto", "bktree", "multi"),
    "LOG_FORMAT": ("text", "json"),
    "SECURE_COOKIES": (True, False, "auto"),
}

NEVER = ("QUARANTINE_DAYS", "REPLACED_DAYS", "CHECK_DAYS")
"""Where None is a value."""

SOME = ("GRID_PAGE", "POLL_SECONDS", "DECODE_SECONDS", "DECODE_MB", "DECODE_AT_ONCE", "WORKERS", "THREADS")
"""Where 0 is none."""

FRACTIONS = ("_DAYS", "_HOURS", "_SECONDS", "_MEGAPIXELS", "UPLOAD_MB", "IMPORT_MB", "_SHARE", "_CORRELATION")
"""How the names of those end that need not be whole."""

MOST = 100_000
"""And how much such a one is at most: where it counts days, it still leads to a date."""

_SECTION = re.compile(r"# --- (.+?) -+")
_SETTING = re.compile(r"([A-Z_]+) = .*?(?:  # (?:\.\.\. )?(.+))?")
_SECRET = re.compile(r"SECRET|PASSWORD|TOKEN|_KEY")
_PASSWORD = re.compile(r"(://[^:/@]*):[^@/]*@")


@dataclass(frozen=True)
class Setting:
    name: str
    default: Any
    says: str = ""  # of this one alone, beside what is said of its group


@dataclass(frozen=True)
class Group:
    """Settings of which one comment speaks."""

    section: str
    effect: str
    settings: Sequence[Setting]


@cache
def groups() -> Sequence[Group]:
    """All settings, in the order of the file."""
    found: list[Group] = []
    section, comment, some = "", "", list[Setting]()
    for line in [*inspect.getsource(config).splitlines(), ""]:
        if heading := _SECTION.fullmatch(line):
            section = heading[1]
        elif line.startswith("# "):
            comment = f"{comment} {line[2:]}".strip()
        elif setting := _SETTING.fullmatch(line):
            some.append(Setting(setting[1], getattr(config, setting[1]), setting[2] or ""))
        elif not line:
            if some:
                found.append(Group(section, comment, some))
            comment, some = "", []
    return found


def shown(name: str, values: Mapping[str, Any]) -> str:
    """The value as a person may see it: nothing that lets somebody in."""
    value = values[name]
    if _SECRET.search(name) and value:
        return "set, and not shown"
    if value == "":
        return "empty"
    return _PASSWORD.sub(r"\1:…@", str(value))


def read(folder: Path, others: Collection[str] = ()) -> dict[str, Any]:
    """What the site in that folder has chosen: in its `config.py`, and by the environment, which counts more.

    Besides ours, `config.py` may have the `others`. Raises `Refusal` with what is wrong: a typing error must not leave
    a site as it was by default.
    """
    path = folder / "config.py"
    in_file = _of_file(path)
    for name, value in in_file.items():
        if name not in others or name in DEFAULTS:
            _check(f"{path}: {name}", name, value)
    in_environment = {}
    for variable, text in os.environ.items():
        name = variable.removeprefix(PREFIX)
        if name != variable and difflib.get_close_matches(name, DEFAULTS, 1, ALIKE):
            in_environment[name] = _meant(name, text)
            _check(variable, name, in_environment[name])
    return in_file | in_environment


def _of_file(path: Path) -> dict[str, Any]:
    if not os.path.lexists(path):
        return {}
    try:
        found = runpy.run_path(str(path))
    except SyntaxError as error:
        raise Refusal(f"{path}, line {error.lineno}: {error.msg}.") from error
    except Exception as error:
        raise Refusal(f"{path} goes wrong: {error}.") from error
    return {name: value for name, value in found.items() if name.isupper()}


def _meant(name: str, text: str) -> object:
    """What the text of an environment variable says, where it can be that; else the text."""
    default, word = DEFAULTS.get(name), text.strip().lower()
    if name in NEVER and word in ("none", "null"):
        return None
    if isinstance(default, bool) or True in CHOICES.get(name, ()):
        return {"true": True, "1": True, "false": False, "0": False}.get(word, text)
    if isinstance(default, int | float):
        for number in (int, float):
            try:
                return number(text)
            except ValueError:
                pass
    return text


def _check(where: str, name: str, value: object) -> None:
    if name not in DEFAULTS:
        near = difflib.get_close_matches(name, DEFAULTS, 1)
        raise Refusal(f"{where}: there is no such setting.{f' Is {near[0]} meant?' if near else ''}")
    default = DEFAULTS[name]
    if name in CHOICES:
        fits, kind = value in CHOICES[name], " or ".join(map(str, CHOICES[name]))
    elif isinstance(default, bool):
        fits, kind = isinstance(value, bool), "True or False"
    elif isinstance(default, str):
        fits, kind = isinstance(value, str), "a text"
    else:
        whole = not name.endswith(FRACTIONS)
        fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        fits = fits and (value > 0 if name in SOME else value >= 0)  # type: ignore[operator]
        kind = f"a {'whole ' if whole else ''}number{' above 0' if name in SOME else ', 0 or more'}"
        if fits and not whole and value > MOST:  # type: ignore[operator]
            fits, kind = False, f"at most {MOST}"
    if name in NEVER:
        fits, kind = fits or value is None, f"{kind}, or None"
    if not fits:
        secret = _SECRET.search(name) or name.endswith("_URL")
        raise Refusal(f"{where} is {kind}; {'what is there' if secret else repr(value)} is not.")
