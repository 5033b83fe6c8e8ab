"""The built wheel is complete, and the demo runs from it in an empty environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.waiting import wait_until

ROOT = Path(__file__).parents[2]
UV = ROOT / ".cache" / "uv" / "bin" / "uv"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that the unprivileged PostgreSQL user can enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="txplatform-wheel-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def wheel(folder: Path) -> Path:
    """Build a wheel and return its path."""
    subprocess.run(
        [UV, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_has_the_migrations_the_demo_data_and_the_api_page(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    migrations = {path.name for path in (ROOT / "src/txplatform/migrations").glob("*.sql")}
    assert {f"txplatform/migrations/{name}" for name in migrations} <= names
    data = "txplatform/simulation/data"
    assert f"{data}/barnet-purchasing-cards-2017-18.csv" in names
    assert f"{data}/README.md" in names
    assert "txplatform/py.typed" in names
    page = {path.name for path in (ROOT / "src/txplatform/api/swagger_ui").iterdir()}
    assert {f"txplatform/api/swagger_ui/{name}" for name in page} <= names


@pytest.mark.long
def test_the_demo_runs_from_the_wheel_in_an_empty_environment(wheel: Path, folder: Path) -> None:
    environment = folder / "env"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    subprocess.run(
        [
            *(UV, "pip", "install", "--quiet", "--python", environment / "bin" / "python"),
            *("--constraint", ROOT / "requirements-runtime.lock", wheel),
        ],
        check=True,
        capture_output=True,
    )
    command = environment / "bin" / "txplatform"
    clean = {name: value for name, value in os.environ.items() if "TXPLATFORM" not in name}
    shown = subprocess.run(
        [command, "--help"], check=True, capture_output=True, cwd="/", env=clean, text=True
    )
    assert "migrate" in shown.stdout
    output = folder / "output"
    with output.open("wb") as file:
        demo = subprocess.Popen(
            [command, "demo", "--data-dir", folder / "data"],
            stdout=file,
            stderr=file,
            cwd="/",
            env=clean,
        )
    try:

        def ready() -> bool:
            assert demo.poll() is None, output.read_text()
            return "ready after" in output.read_text()

        wait_until(ready, message="the demo")
    finally:
        demo.send_signal(signal.SIGINT)
    assert demo.wait(30) == 0
