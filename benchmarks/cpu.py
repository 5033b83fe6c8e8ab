"""The CPU time of a decision by process; for PostgreSQL, also by client."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import psutil
import psycopg

from benchmarks.installation import Installation

T = TypeVar("T")
ALL, POSTGRES = "all processes", "PostgreSQL"
CLIENTS = ("API", "projector", "publisher")
_BACKENDS = "SELECT client_port, pid FROM pg_stat_activity WHERE client_port > 0"


def of_client(client: str) -> str:
    """Return the name of the CPU time that PostgreSQL uses for a client."""
    return f"{POSTGRES} for the {client}"


def cpu_of_decisions(
    installation: Installation, decide: Callable[[], T]
) -> tuple[T, dict[str, float]]:
    """Call `decide`, and wait until the workers have caught up.

    Returns:
        What `decide` returned, and the microseconds of CPU time for a decision by process.
    """
    events, before = installation.recorded_events(), _cpu_s(installation)
    result = decide()
    installation.catch_up()
    after, decisions = _cpu_s(installation), installation.recorded_events() - events
    used_us = {name: 1e6 * (after[name] - before[name]) / decisions for name in after}
    total_us = sum(used_us[name] for name in (*installation.processes, POSTGRES))
    return result, used_us | {ALL: total_us}


def _cpu_s(installation: Installation) -> dict[str, float]:
    """Return the CPU seconds of each process since its start.

    PostgreSQL has a process for each connection; the connection's port tells the client.
    """
    seconds = {name: _tree_s(process) for name, process in installation.processes.items()}
    seconds[POSTGRES] = _tree_s(installation.stand.postgres)
    with psycopg.connect(installation.stand.urls.owner) as connection:
        backends: dict[int, int] = dict(connection.execute(_BACKENDS).fetchall())
    for client in CLIENTS:
        ports = (each.laddr.port for each in installation.processes[client].net_connections("tcp"))
        seconds[of_client(client)] = sum(
            _tree_s(psutil.Process(backends[port])) for port in ports if port in backends
        )
    return seconds


def _tree_s(process: psutil.Process) -> float:
    """Return the CPU seconds of a process, its children, and its children that have ended."""
    total = 0.0
    for each in (*process.children(recursive=True), process):
        with suppress(psutil.NoSuchProcess):
            used = each.cpu_times()
            total += used.user + used.system + used.children_user + used.children_system
    return total
