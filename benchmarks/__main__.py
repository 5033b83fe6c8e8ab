"""`make bench`: one run, one table.

Decisions over HTTP at 1, 32 and 128 connections, beside an endpoint of the same app with the same
models that does nothing, and beside durable single-row inserts by pgbench at the same concurrency.
Durability is full: fsync and synchronous_commit are on, in a PostgreSQL of the benchmark's own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

import psycopg

from benchmarks.load import Load, Measured
from benchmarks.machine import Pgbench, describe_machine, fdatasync_us
from benchmarks.server import EMPTY_PATH
from txplatform.api.keys import Scope, create_key
from txplatform.api.process_transaction import PATH
from txplatform.database import Database
from txplatform.demo.ports import free_port
from txplatform.demo.postgres import DemoPostgres, Urls
from txplatform.demo.processes import Child
from txplatform.domain.account import Stamp
from txplatform.domain.commands.open_account import OpenAccount
from txplatform.domain.facts import Opening
from txplatform.domain.ids import AccountId, account_stream
from txplatform.eventstore.batch import BatchStore, Workspace
from txplatform.eventstore.migrations import migrate

CONNECTIONS = (1, 32, 128)
ACCOUNTS = 1000
LIMIT = 999_999_999_999_999


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        ratio: Against the empty endpoint at the same connections; None where that makes no sense.
    """

    name: str
    connections: int
    measured: Measured
    ratio: float | None


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8, help="of each row (default 8)")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="txplatform-bench-")))
        folder.chmod(0o755)
        postgres = DemoPostgres(folder, max_connections=2 * max(CONNECTIONS))
        stack.callback(postgres.stop)
        urls = postgres.start()
        migrate(urls.owner, urls.service)
        _open_accounts(urls, ACCOUNTS)
        rows = _measure(stack, urls, folder, arguments.seconds)
        limits = [
            Pgbench(urls.owner).durable_inserts(clients, arguments.seconds)
            for clients in CONNECTIONS
        ]
        sync_us = fdatasync_us(folder)
        server_version = _server_version(urls)
    machine = describe_machine(server_version)
    print(_table(rows, limits, sync_us, machine))
    if arguments.json:
        figures = {
            "machine": machine,
            "fdatasync_us": sync_us,
            "rows": [asdict(row) for row in rows],
            "pgbench_durable_inserts_per_s": dict(zip(CONNECTIONS, limits, strict=True)),
        }
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 1 if any(row.measured.failed for row in rows) else 0


def _measure(stack: ExitStack, urls: Urls, folder: Path, seconds: float) -> list[Row]:
    port = free_port()
    env = {"TXPLATFORM_DATABASE_URL": urls.service, "TXPLATFORM_API_PORT": str(port)}
    log = folder / "api.log"
    server = Child("API", [sys.executable, "-m", "benchmarks.server"], log=log, env=env)
    stack.callback(server.stop)
    _wait_for(lambda: "txplatform ready" in log.read_text(), server.check)
    with psycopg.connect(urls.service) as connection:
        _, key = create_key(connection, name="bench", scopes=[Scope.TRANSACTIONS_WRITE])
    rows = []
    for connections in CONNECTIONS:
        measured = {
            path: _run(
                Load(port, key, path, f"{number}c{connections}", connections, ACCOUNTS, seconds)
            )
            for number, path in enumerate((EMPTY_PATH, PATH))
        }
        empty, decisions = measured[EMPTY_PATH], measured[PATH]
        rows.append(Row("empty endpoint, same models", connections, empty, None))
        ratio = round(decisions.per_second / empty.per_second, 2)
        rows.append(Row("durable decisions", connections, decisions, ratio))
    return rows


def _run(load: Load) -> Measured:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", json.dumps(asdict(load))],
        capture_output=True,
        check=True,
    )
    return Measured(**json.loads(done.stdout))


def _open_accounts(urls: Urls, number: int) -> None:
    stamp = Stamp(datetime.now(UTC), lambda: uuid4().hex, "00-0-0-00")
    workspace = Workspace()
    for each in range(number):
        account = AccountId(f"bench-{each}")
        command = OpenAccount(Opening(account, "USD", LIMIT))
        workspace.decide(account_stream(account), command, stamp)
    with Database(urls.service).connect() as connection:
        BatchStore(connection).append(workspace.collect())


def _server_version(urls: Urls) -> str:
    with psycopg.connect(urls.owner) as connection:
        return str(connection.execute("SHOW server_version").fetchone()[0])  # type: ignore[index]


def _wait_for(happened: Callable[[], bool], check: Callable[[], None]) -> None:
    while not happened():
        check()
        os.sched_yield()


def _table(rows: list[Row], limits: list[float], sync_us: float, machine: dict[str, str]) -> str:
    lines = [
        (
            f"{machine['cpu']}, {machine['cores']} cores; Python {platform.python_version()}, "
            f"PostgreSQL {machine['postgres']}, txplatform {version('txplatform')}; "
            f"one API process, {ACCOUNTS} accounts, fsync and synchronous_commit on."
        ),
        "",
        "| what | connections | per second | p50 ms | p95 ms | p99 ms | ÷ empty endpoint |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        each = row.measured
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        lines.append(
            f"| {row.name} | {row.connections} | {each.per_second:,.0f} | {each.p50:.2f} "
            f"| {each.p95:.2f} | {each.p99:.2f} | {ratio} |"
        )
    lines += [
        f"| pgbench, one durable insert | {clients} | {per_second:,.0f} | | | | |"
        for clients, per_second in zip(CONNECTIONS, limits, strict=True)
    ]
    lines += ["", f"fdatasync: {sync_us:.0f} µs"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
