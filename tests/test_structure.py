"""Imports point down, the domain knows nothing of the web, and what can be set or called stands in the README."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from moderation import config
from moderation.cli import COMMANDS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "moderation"

TOP = {"pyproject.toml", "README.md", "moderation", "templates", "static", "instance", "tests"}
"""Files and folders, beside those whose names begin with a dot."""

README = (PACKAGE.parent / "README.md").read_text()

LAYERS = {
    "pure: no database, no files": (
        "errors memory passwords luminance canonical weighing borders hashes views verify fingerprint index "
        "multi_index engines matching matcher drawing shield"
    ),
    "storage: no rules": "columns database models filestore instance config settings metrics schema logs",
    "a process of its own": "decoder",
    "versioned lists": "replica blocklist known_good onshow codes parts",
    "the domain": (
        "judging reach similar limiting probing audit accounts sign_ins links decisions uploads sweeping review "
        "allowing escalation refingerprinting pictures cards entries claims appeals statements tokens counting stats "
        "breakdown whatif reversal backup restoring purging doctor"
    ),
    "pictures in folders": "folders pool collection duplicates gathering contactsheet pages",
    "edges": "context web app patience server demo cli __init__ __main__",
}
"""From the ground up; a module imports only what stands before it. A new module declares its layer here."""

HEIGHT = {name: height for height, name in enumerate(" ".join(LAYERS.values()).split())}

MAY_IMPORT_FLASK = {"context", "web", "app", "server", "demo", "cli", "migrations"}


def layer(name: str) -> list[str]:
    (modules,) = [modules.split() for title, modules in LAYERS.items() if title.startswith(name)]
    return modules


def module_of(path: Path) -> str:
    """The top-level module or package that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """What a file imports, by absolute name, imports inside functions too: `moderation.models`, `flask`."""
    package = ("moderation", *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1]] if node.level else []
            where = ".".join([*base, *([node.module] if node.module else [])])
            # `from . import review` names a module, `from .review import mark` something in it.
            yield from (f"{where}.{alias.name}" for alias in node.names) if where == "moderation" else (where,)


def ours(path: Path) -> set[str]:
    """The top-level modules of ours that a file imports, its own package aside."""
    named = {name.split(".")[1] for name in imports(path) if name.startswith("moderation.")}
    return {"app" if name == "create_app" else name for name in named} - {module_of(path)}


def others(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)} - {"moderation"}


def test_the_top_level_holds_what_it_is_to_hold_and_nothing_more():
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    top = {path.partition("/")[0] for path in listed.split("\0") if path}
    assert {name for name in top if not name.startswith(".")} == TOP


def test_every_module_has_declared_its_layer():
    there = {module_of(path) for path in files()} - {"migrations"}
    assert there == set(HEIGHT)


def test_imports_point_down():
    up = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in files()
        if module_of(path) in HEIGHT
        for name in ours(path)
        if HEIGHT[name] >= HEIGHT[module_of(path)]
    ]
    assert up == []


def test_the_imports_that_are_looked_at_are_those_that_are_there():
    assert {"canonical", "database", "parts", "replica"} <= ours(PACKAGE / "uploads.py")
    assert {"blocklist", "uploads"} <= ours(PACKAGE / "review.py")
    assert {"app", "errors"} <= ours(PACKAGE / "cli" / "__init__.py")
    assert "flask" in others(PACKAGE / "app.py")
    assert "columns" in ours(PACKAGE / "migrations" / "versions" / "0001_first_tables.py")


def test_the_domain_does_not_know_the_web():
    knows = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in files()
        if module_of(path) not in MAY_IMPORT_FLASK
        for name in others(path)
        if name in ("werkzeug", "jinja2", "click") or name.startswith("flask")
    ]
    # The database is opened by way of an extension; its session belongs to a request where there is one.
    assert knows == ["database.py imports flask_sqlalchemy"]


def test_what_is_pure_touches_neither_database_nor_files():
    touching = {"sqlalchemy", "sqlite3", "flask_sqlalchemy", "os", "pathlib", "shutil", "tempfile", "logging"}
    found = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in files()
        if module_of(path) in layer("pure")
        for name in others(path) & touching
    ]
    assert found == []


def test_pictures_in_folders_have_nothing_to_do_with_the_site():
    allowed = {*layer("pure"), *layer("pictures in folders")}
    for path in files():
        if module_of(path) in layer("pictures in folders"):
            assert ours(path) <= allowed, path.name


def test_nothing_imports_the_migrations():
    assert not [path.name for path in files() if "migrations" in ours(path)]


# --- the README --------------------------------------------------------------

SETTINGS = [name for name in vars(config) if name.isupper()]


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_explained_in_the_readme(name):
    assert f"`{name}`" in README


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_read_by_the_program(name):
    readers = [*files(), *(PACKAGE.parent / "templates").rglob("*.html")]
    assert any(name in path.read_text() for path in readers if path.name != "config.py")


def test_every_setting_that_the_program_reads_has_a_default():
    read = {name for path in files() for name in re.findall(r"""config(?:\[|\.get\()"([A-Z_]+)""", path.read_text())}
    theirs = {name for name in read if name in Flask.default_config or name.startswith(("SQLALCHEMY_", "WTF_"))}
    assert read - theirs <= set(SETTINGS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_explained_in_the_readme(name):
    assert re.search(rf"\bmoderation {name}\b", README)
