"""The test bed of a group: a PostgreSQL server, accounts, API processes and a load generator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import Self
from uuid import uuid4

import psutil

from benchmarks.load import Load, Measured
from benchmarks.rows import Row
from txplatform.api.process_transaction import PATH
from txplatform.api_keys import Scope, create_key
from txplatform.database import Database
from txplatform.demo.postgres import DemoPostgres, Urls
from txplatform.demo.processes import Child, free_port
from txplatform.domain.account import DecisionContext
from txplatform.domain.cause import CommandOrigin, KeyCause
from txplatform.domain.commands import Command
from txplatform.domain.ids import AccountId, account_stream
from txplatform.domain.requests import Opening
from txplatform.eventstore.migrations import migrate
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
_WAL_FILES = 64
"""WAL files of 16 MiB each."""
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
    """A PostgreSQL server with the schema and an API key; it runs until the context ends."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.folder = Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(prefix="txplatform-bench-"))
        )
        self.folder.chmod(0o755)
        postgres = DemoPostgres(self.folder, max_connections=200, settings=POSTGRES_SETTINGS)
        self._stack.callback(postgres.stop)
        self.urls: Urls = postgres.start()
        migrate(self.urls.owner, self.urls.service)
        self.database = Database(self.urls.service)
        with self.database.connect() as connection:
            scopes = [Scope.TRANSACTIONS_WRITE, Scope.ACCOUNTS_READ]
            _, self.key = create_key(connection, name="bench", scopes=scopes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def api(self, processes: int = 1) -> Iterator[Api]:
        """Start API processes, each on its own port."""
        with ExitStack() as stack:
            ports, found = [], []
            for _ in range(processes):
                port = free_port()
                log = self.folder / f"api-{port}.log"
                env = {
                    "TXPLATFORM_DATABASE_URL": self.urls.service,
                    "TXPLATFORM_API_PORT": str(port),
                }
                server = Child("API", [sys.executable, "-m", "benchmarks.server"], log=log, env=env)
                stack.callback(server.stop)
                _wait_for("txplatform ready", log, server.check)
                ports.append(port)
                found.append(psutil.Process(server.pid))
            yield Api(tuple(ports), tuple(found))

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

    def recycle_wal(self) -> None:
        """Fill WAL files that PostgreSQL can recycle, as on a server that has run for a while.

        PostgreSQL fills a new WAL file before the first use, which delays every commit by 40 ms.
        With the load of this benchmark, that happens every three seconds.
        """
        with Database(self.urls.owner).connect() as connection:
            for _ in range(_WAL_FILES):
                connection.execute("SELECT pg_logical_emit_message(false, 'benchmark', '')")
                connection.execute("SELECT pg_switch_wal()")
            connection.execute("CHECKPOINT")

    def settle(self) -> None:
        """Vacuum the recorded events; otherwise autovacuum would disturb the measurement."""
        with Database(self.urls.owner).connect() as connection:
            connection.execute("SET statement_timeout = 0")
            connection.execute("VACUUM (ANALYZE) events")

    def load(  # noqa: PLR0913  # the parameters of a load
        self,
        api: Api,
        *,
        connections: int,
        accounts: int,
        seconds: float,
        path: str = PATH,
        prefix: str = "bench",
        in_order: bool = False,
        reads: float = 0,
        rate: float | None = None,
        most: int | None = None,
    ) -> Measured:
        """Send requests and measure the responses.

        Raises:
            RuntimeError: A request failed.
        """
        load = Load(
            api.ports,
            self.key,
            path,
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
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.load", json.dumps(asdict(load))],
            stdout=subprocess.PIPE,
            check=True,
        )
        measured = Measured(**json.loads(done.stdout))
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
    *,
    unit: str = "requests/s",
    **settings: int,
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


def _wait_for(words: str, log: Path, check: Callable[[], None]) -> None:
    while words not in log.read_text():
        check()
        os.sched_yield()
