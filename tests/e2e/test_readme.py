"""The commands of README.md run as written in a clean copy of the project."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.waiting import wait_until
from txplatform.demo.processes import free_port

ROOT = Path(__file__).parents[2]
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
START_WITHIN_S = 600


def blocks(section: str, language: str = "sh") -> list[str]:
    """Return the code blocks of a section of README.md."""
    _, *parts = SECTION.split((ROOT / "README.md").read_text())
    text = dict(zip(parts[::2], parts[1::2], strict=True))[section]
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def clone() -> Iterator[Path]:
    """Copy the committed and new files of the project, with nothing installed or built."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    # The unprivileged PostgreSQL user cannot enter pytest's temporary folders.
    with tempfile.TemporaryDirectory(prefix="txplatform-readme-") as name:
        folder = Path(name, "txplatform")
        for file in filter(None, listed.stdout.split("\0")):
            if (ROOT / file).exists():
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / file, folder / file)
        Path(name).chmod(0o755)
        yield folder


def shell(script: str, clone: Path, **env: str) -> str:
    """Run a block in bash and return its stdout."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=clone,
        env=environment(**env),
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def environment(**more: str) -> dict[str, str]:
    """Return a newcomer's environment, without our settings or a virtual environment."""
    ours = ("TXPLATFORM_", "VIRTUAL_ENV", "PYTEST", "MAKE", "MFLAGS")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = [part for part in env["PATH"].split(":") if not part.startswith(str(ROOT))]
    return {**env, "PATH": ":".join(path), **more}


def test_the_demo_and_the_lines_after_it_work_as_written(clone: Path) -> None:
    start, open_account, decide, verify, _ = blocks("Try it")
    assert start == "make demo\n"
    output = clone / "output"
    with output.open("wb") as file:
        demo = subprocess.Popen(
            ["make", "demo"], cwd=clone, env=environment(), stdout=file, stderr=file
        )
    try:

        def ready() -> bool:
            assert demo.poll() is None, output.read_text()
            return "ready after" in output.read_text()

        wait_until(ready, timeout_s=START_WITHIN_S, message="the demo")
        (exports,) = re.findall(r"^export .+\n", output.read_text(), re.MULTILINE)
        assert json.loads(shell(exports + open_account, clone))["account_id"] == "acc-1"
        decided = json.loads(shell(exports + decide, clone))
        (shown,) = (json.loads(block) for block in blocks("Try it", "json"))
        changing = ("authorization_code", "event_id", "decided_at")
        assert list(decided) == list(shown)
        assert {**decided, **dict.fromkeys(changing)} == {**shown, **dict.fromkeys(changing)}
        assert json.loads(shell(exports + decide, clone)) == decided
        shell(exports + verify, clone)
    finally:
        if demo.poll() is None:  # else the output says why it has ended
            for process in psutil.Process(demo.pid).children():
                process.send_signal(signal.SIGINT)
            demo.wait(60)
    assert "the data is in" in output.read_text()


@pytest.mark.long
def test_an_installation_works_as_written(
    clone: Path, service_env: dict[str, str], topics: str
) -> None:
    """In an empty environment, with its own PostgreSQL and broker; only addresses are replaced."""
    (script,) = blocks("Run it")
    addresses = {**service_env, "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": topics}
    for name, value in addresses.items():
        script, replaced = re.subn(
            rf"^export {name}=.*$", f"export {name}='{value}'", script, flags=re.MULTILINE
        )
        assert replaced == 1
    installed = clone.parent / "installed"
    subprocess.run([sys.executable, "-m", "venv", installed], check=True)
    path = f"{installed / 'bin'}:{environment()['PATH']}"
    ports = {"TXPLATFORM_API_PORT": str(free_port()), "TXPLATFORM_HEALTH_PORT": str(free_port())}
    # A person reads the doctor's advice and stops the processes later.
    printed = shell(script + "kill %1 %2; wait", clone, PATH=path, **ports)
    assert "Every message has been read." in printed
