"""The settings as `config.py` describes them: what each does, in groups that one sentence speaks of."""

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from . import config

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
