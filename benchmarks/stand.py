"""The test bed of a group: a PostgreSQL server, accounts, API processes and a load generator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from statistics import median
from time import sleep
from typing import Self
from uuid import uuid4

import psutil

from benchmarks.load import Load, Measured, run_load
from benchmarks.rows import Row
from txplatform.api.process_transaction import PATH
from txplatform.api_keys import Scope
from txplatform.database import Database
from txplatform.demo.postgres import DemoPostgres, Urls
from txplatform.demo.processes import Child, free_port
from txplatform.domain.account import DecisionContext
from txplatform.domain.cause import CommandOrigin, KeyCause
from txplatform.domain.commands import Command
from txplatform.domain.ids import AccountId, account_stream
from txplatform.domain.requests import Opening
from txplatform.eventstore.query import run_queries
from txplatform.processing.unit_of_work import UnitOfWork

POSTGRES_SETTINGS = {
    "shared_buffers": "1GB",
    "min_wal_size": "2GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
}
"""See docs/operations.md for the reasons. Durability stays at its default, full."""
ORIGIN = CommandOrigin(
    KeyCause("key_5f2a9c01d3e4", "benchmark"),
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
)
"""The origin of the events that benchmarks record themselves."""
LIMIT = 999_999_999_999_999
_RECORDED_AT_ONCE = 2000
_TXPLATFORM = str(Path(sys.executable).with_name("txplatform"))
_SCOPES = (Scope.TRANSACTIONS_WRITE, Scope.ACCOUNTS_WRITE, Scope.ACCOUNTS_READ)
_POLL_S = 0.05
_RUNS = count()


@dataclass(frozen=True)
class Effort:
    """The duration of each load, and the number of rounds, of which the median is reported."""

    seconds: float
    rounds: int


@dataclass(frozen=True)
class Api:
    """Running API processes that share the accounts."""

    ports: tuple[int, ...]
    processes: tuple[psutil.Process, ...]

    @property
    def resident_mib(self) -> float:
        """The resident memory of the first process, MiB."""
        return float(self.processes[0].memory_info().rss) / 2**20


class Stand:
    """A PostgreSQL server with the schema and an API key; it runs until the context ends.

    The database is as `txplatform migrate` left it. No group vacuums or analyzes it.

    Args:
        settings: The settings of the PostgreSQL server that differ from its defaults.
        kafka: The address of the Kafka brokers, if a worker will run.
        max_connections: The most connections to PostgreSQL, by default as many as its own default.
    """

    def __init__(
        self,
        settings: Mapping[str, str] = POSTGRES_SETTINGS,
        kafka: str = "localhost:9092",
        max_connections: int = 100,
    ) -> None:
        self._stack = ExitStack()
        self.folder = Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(prefix="txplatform-bench-"))
        )
        self.folder.chmod(0o755)
        postgres = DemoPostgres(self.folder, max_connections=max_connections, settings=settings)
        self._stack.callback(postgres.stop)
        self.urls: Urls = postgres.start()
        self.database = Database(self.urls.service)
        self._env = {
            "TXPLATFORM_DATABASE_URL": self.urls.service,
            "TXPLATFORM_MIGRATION_DATABASE_URL": self.urls.owner,
            "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": kafka,
        }
        self.command("migrate")
        scopes = (f"--scope={scope}" for scope in _SCOPES)
        created = self.command("keys", "create", "--name=benchmark", "--json", *scopes)
        self.key: str = json.loads(created)["key"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def postgres(self) -> psutil.Process:
        """The server process of PostgreSQL, the parent of all its processes."""
        pid = (self.folder / "postgres" / "postmaster.pid").read_text().split()[0]
        return psutil.Process(int(pid))

    def command(self, *words: str) -> str:
        """Run a `txplatform` command to its end, and return its output."""
        done = subprocess.run(
            [_TXPLATFORM, *words],
            env={**os.environ, **self._env},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        return done.stdout

    @contextmanager
    def service(self, name: str, **env: str) -> Iterator[psutil.Process]:
        """Run `txplatform api`, `consume`, `publish` or `project` until the context ends."""
        with _started([_TXPLATFORM, name], "txplatform ready", self.folder, self._env | env) as one:
            yield one

    @contextmanager
    def api(self, processes: int = 1) -> Iterator[Api]:
        """Run API processes, each on its own port, until the context ends."""
        with ExitStack() as stack:
            ports = [free_port() for _ in range(processes)]
            found = [
                stack.enter_context(self.service("api", TXPLATFORM_API_PORT=str(port)))
                for port in ports
            ]
            yield Api(tuple(ports), tuple(found))

    @contextmanager
    def plain(self) -> Iterator[Api]:
        """Run the plain FastAPI app in a process of its own until the context ends."""
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.plain", str(port)]
        with _started(command, "Uvicorn running", self.folder, {}) as process:
            yield Api((port,), (process,))

    def open_accounts(self, number: int, prefix: str = "bench") -> None:
        """Open accounts `<prefix>-0`, `<prefix>-1`, …, with a limit that is never reached."""
        for first in range(0, number, _RECORDED_AT_ONCE):
            names = range(first, min(number, first + _RECORDED_AT_ONCE))
            self.record(opening(f"{prefix}-{each}") for each in names)

    def record(self, commands: Iterable[Command]) -> None:
        """Execute commands without HTTP; they have to be the first commands of their accounts."""
        context = DecisionContext(datetime.now(UTC), lambda: uuid4().hex, ORIGIN)
        work, waiting = UnitOfWork(), iter(commands)
        with self.database.connect() as connection:
            while some := list(islice(waiting, _RECORDED_AT_ONCE)):
                for command in some:
                    work.execute(account_stream(command.account_id), command, context)
                run_queries(connection, work.append())
                if work.conflicts:
                    raise RuntimeError("conflict in the benchmark's own accounts")

    def load(  # noqa: PLR0913  # the parameters of a load
        self,
        api: Api,
        *,
        connections: int,
        accounts: int,
        seconds: float,
        prefix: str = "bench",
        in_order: bool = False,
        reads: float = 0,
        rate: float | None = None,
        most: int | None = None,
        generator: Callable[[Load], Measured] = run_load,
    ) -> Measured:
        """Send requests to the API or the plain FastAPI app, and measure the responses.

        Raises:
            RuntimeError: A request failed.
        """
        load = Load(
            api.ports,
            self.key,
            PATH,
            f"r{next(_RUNS)}",
            prefix,
            connections,
            accounts,
            seconds,
            in_order=in_order,
            reads=reads,
            rate=rate,
            most=most,
        )
        measured = generator(load)
        if measured.failed:
            raise RuntimeError(f"{measured.failed} of {measured.responses} requests failed: {load}")
        return measured


def opening(account: str) -> Command:
    """Return the opening of an account with a limit that is never reached."""
    return Opening(AccountId(account), "USD", LIMIT)


def middle(
    group: str,
    name: str,
    measured: Iterable[Measured],
    unit: str = "requests/s",
    /,
    **settings: int | str,
) -> Row:
    """Return a row with the medians of repeated measurements."""
    runs = list(measured)
    return Row(
        group,
        name,
        round(median(each.per_second for each in runs), 1),
        unit,
        p50_ms=median(each.p50 for each in runs),
        p95_ms=median(each.p95 for each in runs),
        p99_ms=median(each.p99 for each in runs),
        settings=settings,
    )


@contextmanager
def _started(
    command: Sequence[str], ready: str, folder: Path, env: Mapping[str, str]
) -> Iterator[psutil.Process]:
    """Run a process until the context ends; its log tells when it is ready."""
    log = folder / f"{next(_RUNS)}.log"
    child = Child(" ".join(command), command, log=log, env=env)
    try:
        while ready not in log.read_text():
            child.check()
            sleep(_POLL_S)
        yield psutil.Process(child.pid)
    finally:
        child.stop()
