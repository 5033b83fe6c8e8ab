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
CLIENT = ROOT / "clients" / "python"
UV = ROOT / ".cache" / "uv" / "bin" / "uv"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that the unprivileged PostgreSQL user can enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="txplatform-wheel-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def built(folder: Path, source: Path) -> Path:
    """Build a wheel into the folder and return its path."""
    before = set(folder.glob("*.whl"))
    subprocess.run(
        [UV, "build", "--quiet", "--wheel", "--out-dir", folder, source],
        check=True,
        capture_output=True,
    )
    (wheel,) = set(folder.glob("*.whl")) - before
    return wheel


@pytest.fixture(scope="module")
def wheel(folder: Path) -> Path:
    """The platform's wheel."""
    return built(folder, ROOT)


@pytest.fixture(scope="module")
def client_wheel(folder: Path) -> Path:
    """The client's wheel."""
    return built(folder, CLIENT)


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


def test_the_wheel_of_the_bank_has_its_migrations_templates_and_static_files(folder: Path) -> None:
    names = set(zipfile.ZipFile(built(folder, ROOT / "bank")).namelist())
    source = ROOT / "bank" / "src"
    kept = [path for path in source.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert {str(path.relative_to(source)) for path in kept} <= names


def test_the_client_runs_from_its_wheel_without_the_platform(
    client_wheel: Path, folder: Path
) -> None:
    names = set(zipfile.ZipFile(client_wheel).namelist())
    assert "txplatform_client/py.typed" in names
    assert {name.partition("/")[0] for name in names} == {
        "txplatform_client",
        f"{client_wheel.name.rsplit('-', 3)[0]}.dist-info",
    }
    environment = folder / "client-env"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    subprocess.run(
        [
            *(UV, "pip", "install", "--quiet", "--python", environment / "bin" / "python"),
            *("--constraint", ROOT / "requirements-runtime.lock", client_wheel),
        ],
        check=True,
        capture_output=True,
    )
    imported = "import txplatform_client, txplatform_client.kafka, importlib.util as found; "
    subprocess.run(
        [
            *(environment / "bin" / "python", "-c"),
            imported + "assert found.find_spec('txplatform') is None",
        ],
        check=True,
        cwd="/",
    )


@pytest.mark.long
def test_the_demo_runs_from_the_wheel_in_an_empty_environment(
    wheel: Path, client_wheel: Path, folder: Path
) -> None:
    environment = folder / "env"
    command = environment / "bin" / "txplatform"
    clean = {name: value for name, value in os.environ.items() if "TXPLATFORM" not in name}

    def install(what: str, lock: str) -> None:
        subprocess.run(
            [
                *(UV, "pip", "install", "--quiet", "--python", environment / "bin" / "python"),
                *("--constraint", ROOT / lock, what, client_wheel),
            ],
            check=True,
            capture_output=True,
        )

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [command, *words], check=False, capture_output=True, cwd="/", env=clean, text=True
        )

    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    install(str(wheel), "requirements-runtime.lock")
    assert "migrate" in run("--help").stdout
    refused = run("demo", "--data-dir", str(folder / "data"))
    assert refused.returncode == 1
    assert "pip install 'txplatform[demo]'" in refused.stderr
    install(f"{wheel}[demo]", "requirements.lock")
    output = folder / "output"
    with output.open("wb") as file:
        demo = subprocess.Popen(
            [command, "demo", "--platform-only", "--port", "0", "--data-dir", folder / "data"],
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
