"""Faults as units: each is injected while clients buy, ends, and the same checks follow."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import monotonic, time
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from harness.api import RunningApi, open_account, purchase, running_api
from harness.debian import program
from harness.ports import free_port
from harness.postgres import PostgresServer, TestDatabase
from harness.processes import Command
from harness.verification import differences
from harness.waiting import wait_until

CLIENTS = 8
_LIMIT = 150
_ENOUGH = 100
_SMALL_DISK_MB = 48
_SILENT_S = 10.0
"""The silence after which a supervisor with a liveness probe kills a process."""
_PARALLEL = 60


@dataclass
class System:
    """Two API processes and the workers of the read models, on one database.

    Attributes:
        supervised: Whether a process that does not respond to probes is killed.
        said: The reasons that `/readyz` of the processes gave so far.
    """

    server: PostgresServer
    database: TestDatabase
    apis: list[RunningApi]
    project: Command
    project_url: str
    clock: Path
    disk: Path | None
    supervised: bool
    said: set[str] = field(default_factory=set)
    _heard: dict[str, float] = field(default_factory=dict)

    @property
    def processes(self) -> list[tuple[Command, str]]:
        """All processes of the platform, with the URL of their probes."""
        return [*((api.command, api.url) for api in self.apis), (self.project, self.project_url)]

    def ready(self) -> bool:
        """Return whether all processes are ready, and note the reasons of those that are not.

        A process that has ended, or is silent for long, is started again as by its supervisor.
        """
        found = [self._ready(command, url) for command, url in self.processes]
        return all(found)

    def _ready(self, command: Command, url: str) -> bool:
        try:
            answer = httpx.get(f"{url}/readyz", timeout=2)
        except httpx.TransportError as error:
            self.said.add(type(error).__name__)
            silent_s = monotonic() - self._heard.setdefault(url, monotonic())
            if self.supervised and silent_s > _SILENT_S and command.exit_code is None:
                command.kill()
            if command.exit_code is not None:
                self.said.add(f"{command.words[0]} has ended")
                self._heard[url] = monotonic()
                command.start()
            return False
        self._heard[url] = monotonic()
        if answer.status_code != 200:
            body = answer.json()
            parts = body.get("parts", {}).values()
            self.said.update([body["detail"]] if "detail" in body else (p["detail"] for p in parts))
        return answer.status_code == 200


@dataclass(frozen=True)
class Fault:
    """A fault that can be made here.

    Attributes:
        name: What happens, in words.
        inject: Makes the fault until the context ends, which heals it.
        noticed: Polled while the fault lasts; the fault ends when it returns true.
        clock_file: Whether the processes need a clock that can be set.
        small_disk: Whether the database has to be on a small disk of its own.
        supervised: Whether a process that does not respond to probes is killed and started again.
    """

    name: str
    inject: Callable[[System], AbstractContextManager[None]]
    noticed: Callable[[System], bool]
    clock_file: bool = False
    small_disk: bool = False
    supervised: bool = False


@dataclass(frozen=True)
class Outcome:
    """The result of a fault under load.

    Attributes:
        answered: The purchases that were answered.
        lost: Answered purchases that are not in the log, or there with another event.
        doubled: Purchases that the log has more than once.
        over_limit: Accounts whose holds exceed the limit.
        wrong: Differences that `verify` finds.
        heal_s: Seconds from the end of the fault until all processes are ready and decide.
        said: The reasons that `/readyz` gave.
        offsets_s: The least and the greatest time of a decision, seconds after the database's clock
            recorded it.
    """

    answered: int
    lost: int
    doubled: int
    over_limit: int
    wrong: int
    heal_s: float
    said: frozenset[str]
    offsets_s: tuple[float, float]

    def assert_held(self) -> None:
        """Check that nothing was lost, doubled or approved above a limit."""
        assert (self.lost, self.doubled, self.over_limit, self.wrong) == (0, 0, 0, 0), self
        assert self.answered >= _ENOUGH


def run_fault(fault: Fault) -> Outcome:
    """Run the platform, let clients buy, make the fault, end it, and check everything."""
    with running_system(fault) as system, ThreadPoolExecutor(CLIENTS) as clients:
        for number in range(CLIENTS):
            open_account(system.apis[0].client, f"acc{number}", _LIMIT)
        load = _Load(system)
        running = [clients.submit(load.run, number) for number in range(CLIENTS)]
        try:
            wait_until(lambda: len(load.answers) > _ENOUGH, message="load")
            wait_until(system.ready, message="all processes to be ready")
            system.said.clear()
            with fault.inject(system):
                wait_until(lambda: fault.noticed(system), timeout_s=120, message=fault.name)
            healed = monotonic()
            wait_until(system.ready, message="all processes to be ready again")
            marks = dict(load.steps)
            wait_until(
                lambda: all(load.steps[n] > marks[n] + 1 for n in range(CLIENTS)),
                message="all clients to be answered again",
            )
            heal_s = monotonic() - healed
        finally:
            load.stop.set()
        for client in running:
            client.result()
        return _outcome(system, load.answers, heal_s)


class _Load:
    """Clients that buy; each asks again with the same id, at the other process, until answered."""

    def __init__(self, system: System) -> None:
        self._system = system
        self.stop = threading.Event()
        self.answers: dict[str, dict[str, Any]] = {}
        self.steps: dict[int, int] = dict.fromkeys(range(CLIENTS), 0)

    def run(self, number: int) -> None:
        asked = 0
        with ExitStack() as stack:
            apis = [
                stack.enter_context(
                    httpx.Client(base_url=api.url, headers=api.client.headers, timeout=3)
                )
                for api in self._system.apis
            ]
            while not self.stop.is_set():
                body = purchase(f"t{number}-{self.steps[number]}", f"acc{number}", 3)
                asked += 1
                try:
                    answer = apis[asked % 2].post("/v1/process-transaction", json=body)
                except httpx.TransportError:
                    continue
                if answer.status_code == 200:
                    self.answers[body["transaction_id"]] = answer.json()
                    self.steps[number] += 1


_DECISIONS = """
SELECT convert_from(state, 'UTF8')::json, recorded_at FROM events WHERE topic LIKE 'authorization%%'
"""


def _outcome(system: System, answers: Mapping[str, dict[str, Any]], heal_s: float) -> Outcome:
    with psycopg.connect(system.database.owner_url) as connection:
        rows = connection.execute(_DECISIONS).fetchall()
    events: dict[str, str] = {}
    counts: Counter[str] = Counter()
    held: Counter[str] = Counter()
    offsets = []
    for state, recorded_at in rows:
        bought = state["purchase"]
        events[bought["transaction_id"]] = state["event_id"]
        counts[bought["transaction_id"]] += 1
        held[bought["account_id"]] += bought["amount"] if "authorization_code" in state else 0
        decided_at = datetime.fromisoformat(state["timestamp"])
        offsets.append((decided_at - recorded_at).total_seconds())
    return Outcome(
        answered=len(answers),
        lost=sum(events.get(each) != answer["event_id"] for each, answer in answers.items()),
        doubled=sum(count > 1 for count in counts.values()),
        over_limit=sum(amount > _LIMIT for amount in held.values()),
        wrong=len(differences(system.database)),
        heal_s=heal_s,
        said=frozenset(system.said),
        offsets_s=(min(offsets), max(offsets)),
    )


@contextmanager
def running_system(fault: Fault) -> Iterator[System]:
    """Run a system in which the fault can be made; skip the test if it cannot be made here."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="txplatform-fault-")))
        folder.chmod(0o755)
        clock = folder / "clock"
        clock.write_text("+0")
        server = stack.enter_context(PostgresServer())
        disk = stack.enter_context(_small_disk(server, folder)) if fault.small_disk else None
        database = server.new_database(tablespace=disk)
        port = free_port()
        env = {
            "TXPLATFORM_DATABASE_URL": database.service_url,
            "TXPLATFORM_DECISION_TIMEOUT_S": "2",
            **(_settable_clock(clock) if fault.clock_file else {}),
        }
        apis = [stack.enter_context(running_api(env)) for _ in range(2)]
        health = {**env, "TXPLATFORM_HEALTH_PORT": str(port)}
        project = stack.enter_context(Command("project", env=health)).wait_ready()
        yield System(
            server,
            database,
            apis,
            project,
            f"http://127.0.0.1:{port}",
            clock,
            disk,
            fault.supervised,
        )


def _settable_clock(clock: Path) -> dict[str, str]:
    """Return the environment of a process whose clock differs by what the file says."""
    program("faketime")
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


@contextmanager
def _small_disk(server: PostgresServer, folder: Path) -> Iterator[Path]:
    """Mount a small disk for the tables of a database; the WAL is on another one."""
    disk = folder / "disk"
    disk.mkdir()
    options = f"size={_SMALL_DISK_MB}m"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        tables = disk / "tables"
        tables.mkdir()
        server.give(tables)
        yield tables
    finally:
        server.stop()
        subprocess.run(["umount", str(disk)], check=True)


def lasting(seconds: float) -> Callable[[System], bool]:
    """Return a `noticed` that is true when the fault has lasted for some time."""
    began: list[float] = []

    def passed(system: System) -> bool:
        system.ready()
        began.append(monotonic())
        return monotonic() - began[0] > seconds

    return passed


def unready(system: System) -> bool:
    """Return whether a process says that it is not ready."""
    return not system.ready()


@contextmanager
def _full_disk(system: System) -> Iterator[None]:
    assert system.disk is not None
    ballast = system.disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
    yield
    ballast.unlink()


@contextmanager
def _clock_off(system: System, by: str) -> Iterator[None]:
    system.clock.write_text(by)
    yield
    system.clock.write_text("+0")


def _serves_a_wrong_clock(system: System) -> bool:
    """Return whether the processes are ready, and show the wrong time to their clients."""
    dates = [httpx.get(f"{api.url}/livez").headers["date"] for api in system.apis]
    off_s = [abs(parsedate_to_datetime(each).timestamp() - time()) for each in dates]
    return system.ready() and all(each > 3000 for each in off_s)


@contextmanager
def _stopped(*pids: int) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    yield
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def _appending_backend(system: System) -> int:
    """Return a server process of a decision lane, seen while it appends."""
    query = (
        "SELECT pid FROM pg_stat_activity WHERE query LIKE '%EXECUTE%' OR query LIKE"
        " '%append_events%' AND pid <> pg_backend_pid() AND datname = current_database()"
    )
    with psycopg.connect(system.database.owner_url, autocommit=True) as connection:
        ((pid,), *_) = wait_until(lambda: connection.execute(query.encode()).fetchall())
    return int(pid)


@contextmanager
def _little_memory(system: System) -> Iterator[None]:
    """Limit the address space of a process of each kind to what it has, and ask for more."""
    limited = [system.apis[0].command, system.project]
    for command in limited:
        most = psutil.Process(command.pid).memory_info().vms
        resource.prlimit(command.pid, resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
    with ThreadPoolExecutor(_PARALLEL) as clients:
        list(clients.map(lambda _: _ask_for_much(system.apis[0]), range(3 * _PARALLEL)))
    yield
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    for command in limited:
        if command.exit_code is None:  # still the process that was limited, or a new one
            resource.prlimit(command.pid, resource.RLIMIT_AS, unlimited)


def _ask_for_much(api: RunningApi) -> None:
    """Make the API use memory: responses of hundreds of kilobytes, and many errors in a body."""
    with httpx.Client(base_url=api.url, headers=api.client.headers, timeout=5) as client:
        for path in ("/openapi.json", "/v1/events?limit=500"):
            with suppress(httpx.TransportError):
                client.get(path)
        with suppress(httpx.TransportError):
            client.post("/v1/process-transaction", json={"metadata": ["x" * 100] * 500})


@contextmanager
def _few_files(system: System) -> Iterator[None]:
    """Leave no free file to the processes, and end their sessions, so that they connect again."""
    limited = [system.apis[0].command, system.project]
    for command in limited:
        lowest = min(
            each.fd for each in psutil.Process(command.pid).net_connections() if each.fd > 2
        )
        resource.prlimit(command.pid, resource.RLIMIT_NOFILE, (lowest + 1, 4096))
    with psycopg.connect(system.database.owner_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND datname = current_database()"
        )
    yield
    for command in limited:
        resource.prlimit(command.pid, resource.RLIMIT_NOFILE, (4096, 4096))


def paused(seconds: float) -> list[Fault]:
    """Return the faults of a process that stands still for some time, and goes on."""
    last = lasting
    return [
        Fault(
            "an API process is paused",
            lambda system: _stopped(system.apis[0].command.pid),
            last(seconds),
        ),
        Fault("a worker is paused", lambda system: _stopped(system.project.pid), last(seconds)),
        Fault(
            "a server process of PostgreSQL is paused while it appends",
            lambda system: _stopped(_appending_backend(system)),
            last(seconds),
        ),
    ]


DISK_FULL = Fault("the disk of PostgreSQL's tables is full", _full_disk, unready, small_disk=True)
AN_HOUR_AHEAD = Fault(
    "the clock of every process is an hour ahead",
    lambda system: _clock_off(system, "+3600"),
    _serves_a_wrong_clock,
    clock_file=True,
)
AN_HOUR_BEHIND = Fault(
    "the clock of every process is an hour behind",
    lambda system: _clock_off(system, "-3600"),
    _serves_a_wrong_clock,
    clock_file=True,
)
LITTLE_MEMORY = Fault("processes get no more memory", _little_memory, lasting(10), supervised=True)
FEW_FILES = Fault("processes get no more files", _few_files, lasting(5))
