"""No command ends with a traceback, whatever its surroundings are."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.postgres import PostgresServer
from harness.waiting import wait_until
from txbank.commands import SERVICES
from txplatform.cli import COMMANDS

LINES: dict[str, tuple[str, ...]] = {
    "demo": ("demo --data-dir /proc/none --port 0",),
    "migrate": ("migrate",),
    "topics": ("topics create",),
    "api": ("api",),
    "consume": ("consume",),
    "publish": ("publish",),
    "project": ("project",),
    "worker": ("worker",),
    "doctor": ("doctor", "doctor --json"),
    "keys": ("keys list", "keys create --name Łódź --scope accounts:read", "keys revoke key_1"),
    "accounts": ("accounts list", "accounts show Łódź"),
    "inbound": (
        *("inbound list", "inbound show 1", "inbound retry 1", "inbound positions"),
        *("inbound discard 1 --reason Łódź", "inbound reset payments.payment-submitted.v1"),
    ),
    "import": ("import FILE --format csv", "import FILE --format ipm --accounts FILE"),
    "events": ("events --account Łódź",),
    "verify": ("verify", "verify --json"),
    "rebuild": ("rebuild --all",),
    "rulesets": (
        *("rulesets list", "rulesets lint FILE", "rulesets add FILE", "rulesets show a@1"),
        *("rulesets diff FILE a@1", "rulesets activate a@1 --reason Łódź"),
        *("rulesets shadow a@1 --reason x", "rulesets disagreements a@1"),
    ),
    "backtest": ("backtest --ruleset a@1", "backtest --ruleset FILE --html FILE"),
    "contracts": ("contracts check FILE",),
    "simulate": ("simulate --api-key k --api-url http://127.0.0.1:1",),
}
BANK_LINES = (
    *SERVICES,
    *("all", "migrate", "keys list accounts", "keys create --name Łódź --scope accounts:read"),
    *("users add Łódź --role staff", "keys revoke web 00000000-0000-0000-0000-000000000000"),
)
WHOLE = (
    *(("txplatform", line) for lines in LINES.values() for line in lines),
    *(("txbank", line) for line in BANK_LINES),
)
SHORT = (("txplatform", "keys list"), ("txbank", "keys list web"))

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
RUN_S = 8
"""The time after which a command that goes on is interrupted."""
EACH = 4
"""The surroundings in which each command line is tried, in turn: all pairs would take an hour."""


@dataclass(frozen=True)
class Surroundings:
    """What a command finds when it starts.

    Attributes:
        env: Environment variables.
        file: Creates what the word FILE of a command line names.
        further: Further arguments.
        shell: What redirects the command's output.
    """

    env: dict[str, str] = field(default_factory=dict)
    file: Callable[[Path], object] = Path.touch
    further: tuple[bytes, ...] = ()
    shell: str = '"$@"'


def at(url: str) -> dict[str, str]:
    """Return the settings for a database; no broker responds."""
    return {
        "TXPLATFORM_DATABASE_URL": url,
        "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "TXPLATFORM_API_PORT": "0",
        "TXBANK_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "TXBANK_PLATFORM_URL": "http://127.0.0.1:1",
        "TXBANK_PLATFORM_KEY": "k",
        "TXBANK_WEB_KEY": "k",
        "TXBANK_NOTIFICATIONS_KEY": "k",
        **{f"TXBANK_{name.upper()}_DATABASE_URL": url for name in SERVICES},
        **{f"TXBANK_{name.upper()}_PORT": "0" for name in SERVICES},
    }


SURROUNDINGS = {
    "no settings, LANG=C": Surroundings({"LANG": "C"}),
    "no argument": Surroundings(further=(b"--no-such-option",)),
    "no database, POSIX": Surroundings({**at(NOWHERE), "LC_ALL": "POSIX", "PYTHONUTF8": "0"}),
    "no database, Turkish": Surroundings(
        {**at(NOWHERE), "LC_ALL": "tr_TR.ISO-8859-9", "PYTHONIOENCODING": "iso-8859-9"}
    ),
    "an ASCII terminal": Surroundings({**at(NOWHERE), "PYTHONIOENCODING": "ascii"}),
    "a file that is a folder": Surroundings(at(NOWHERE), file=Path.mkdir),
    "a file without right": Surroundings(
        at(NOWHERE), file=lambda path: path.symlink_to("/proc/1/mem")
    ),
    "a file that is missing": Surroundings(at(NOWHERE), file=lambda path: path),
    "a binary file": Surroundings(
        at(NOWHERE), file=lambda path: path.write_bytes(bytes(range(256)))
    ),
    "an unreadable .env": Surroundings(
        file=lambda path: path.with_name(".env").write_bytes(b"TXPLATFORM_X=\xff")
    ),
    "no home, no folder for temporary files": Surroundings(
        {**at(NOWHERE), "HOME": "/nonexistent", "TMPDIR": "/nonexistent"}
    ),
    "an argument in another encoding": Surroundings(at(NOWHERE), further=(b"\xff\xfe",)),
    "a reader that has gone": Surroundings(at(NOWHERE), shell='"$@" | true'),
    "help for a reader that has gone": Surroundings(further=(b"--help",), shell='"$@" | true'),
    "closed streams": Surroundings(at(NOWHERE), shell='"$@" >&- 2>&-'),
    "a full disk": Surroundings(at(NOWHERE), shell='"$@" >/dev/full'),
}

FAST = ("an unreadable .env", "a reader that has gone", "an ASCII terminal")
"""Those that `make test` tries."""

DATABASES = {
    "an empty database": "",
    "a missing schema": "?options=-csearch_path%3Dmissing",
    "a read-only database": "?options=-cdefault_transaction_read_only%3Don",
}


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="txplatform-every-") as name:
        yield Path(name)


def run(program: str, line: str, surroundings: Surroundings, folder: Path) -> str:
    """Run a command, interrupt it if it goes on, and return what it wrote to stderr."""
    file = folder / "file"
    surroundings.file(file)
    words = [str(file) if word == "FILE" else word for word in line.split()]
    errors = folder / "stderr"
    command = [sys.executable, "-m", f"{program}.cli", *words]
    kept = {"PATH": os.environ["PATH"]}
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            ["bash", "-c", surroundings.shell, "bash", *command, *surroundings.further],
            cwd=folder,
            env=kept | surroundings.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            process.wait(RUN_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)
    return errors.read_text(errors="replace")


def check(program: str, line: str, surroundings: Surroundings, folder: Path) -> None:
    shown = run(program, line, surroundings, folder)
    assert "Traceback" not in shown, shown
    assert "Exception ignored" not in shown, shown


def test_every_command_has_a_line_here() -> None:
    assert list(LINES) == list(COMMANDS)


@pytest.mark.parametrize(
    "surroundings",
    [
        pytest.param(name, marks=() if name in FAST else pytest.mark.long, id=name)
        for name in SURROUNDINGS
    ],
)
def test_no_command_has_a_traceback(folder: Path, surroundings: str) -> None:
    """One command for each of the surroundings, in turn."""
    program, line = SHORT[[*SURROUNDINGS].index(surroundings) % len(SHORT)]
    check(program, line, SURROUNDINGS[surroundings], folder)


@pytest.mark.long
@pytest.mark.parametrize(("program", "line"), WHOLE)
def test_no_command_line_has_a_traceback_in_any_surroundings(
    folder: Path, program: str, line: str
) -> None:
    number, names = WHOLE.index((program, line)), [*SURROUNDINGS]
    for step in range(EACH):
        name = names[(EACH * number + step + number // EACH) % len(names)]
        inside = folder / str(step)
        inside.mkdir()
        check(program, line, SURROUNDINGS[name], inside)


@pytest.mark.long
@pytest.mark.parametrize(("program", "line"), WHOLE)
def test_no_command_line_has_a_traceback_on_an_unusable_database(
    postgres: PostgresServer, folder: Path, program: str, line: str
) -> None:
    database = postgres.empty_database()
    number = WHOLE.index((program, line)) % len(DATABASES)
    url = database.owner_url + [*DATABASES.values()][number]
    check(program, line, Surroundings(at(url)), folder)
    postgres.drop(database)


@pytest.mark.parametrize(("program", "line"), SHORT)
def test_ctrl_c_ends_a_command_without_a_traceback(folder: Path, program: str, line: str) -> None:
    """While it waits for a database that never responds."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        url = f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/x"
        with (folder / "stderr").open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", f"{program}.cli", *line.split()],
                cwd=folder,
                env=at(url),
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        connection, _ = silent.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            wait_until(lambda: process.poll() is not None, message="the end")
    shown = (folder / "stderr").read_text()
    assert process.returncode == 1
    assert "Interrupted." in shown
    assert "Traceback" not in shown
