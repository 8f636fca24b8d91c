"""The wheel is whole: what was built works far from the checkout."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.cli.test_serving import free_port, page

CHECKOUT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the freshly built wheel; what it depends on comes from the tests' environment."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    # With the build tool that is there: another, in an environment of its own, takes longer to fetch than all the rest.
    build = [*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, CHECKOUT]
    subprocess.run(build, check=True)
    [wheel] = folder.glob("moderation-*.whl")
    environment = folder / "venv"
    venv.create(environment)
    python = environment / "bin" / "python"
    subprocess.run([*pip, "--python", python, "install", "--quiet", "--no-deps", wheel], check=True)
    # After its own packages, so that ours is the wheel's; and no path entry of the checkout comes along.
    [packages] = environment.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment


def test_the_wheel_serves_its_pages_from_another_directory(installed: Path, tmp_path: Path) -> None:
    port, home = free_port(), tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MODERATION_", "PYTHON"))}
    environment |= {"HOME": str(home), "XDG_DATA_HOME": str(home / "data"), "PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen(
        [installed / "bin" / "moderation", "serve", "--port", str(port)],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout.readline().split()[-1] == str(home / "data" / "moderation")
        assert "Sign in" in page(f"http://127.0.0.1:{port}/sign-in")
        for name in ("style.css", "grid.js", "icon.svg"):
            assert page(f"http://127.0.0.1:{port}/static/{name}") == (CHECKOUT / "static" / name).read_text()
    finally:
        server.terminate()
        server.stdout.read()
        server.wait(timeout=30)
        server.stdout.close()
    assert (home / "data" / "moderation" / "moderation.sqlite").is_file()
    assert not (tmp_path / "instance").exists()


def test_the_wheel_holds_every_template_and_static_file(installed: Path) -> None:
    [package] = installed.glob("lib/python*/site-packages/moderation")
    for part in ("templates", "static"):
        ours = {path.relative_to(CHECKOUT) for path in (CHECKOUT / part).rglob("*") if path.is_file()}
        theirs = {path.relative_to(package) for path in (package / part).rglob("*") if path.is_file()}
        assert ours == theirs
