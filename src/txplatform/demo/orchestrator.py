"""Start the demo's components in order, print a status line, and stop them in reverse order."""

import asyncio
import fcntl
import json
import shutil
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep
from types import FrameType
from typing import Any

import httpx
import psycopg

from txplatform.api_keys import Scope, create_key
from txplatform.demo.bus import DemoBus
from txplatform.demo.postgres import DemoPostgres
from txplatform.demo.processes import Child, free_port
from txplatform.demo.watch import LiveLine
from txplatform.demo.welcome import welcome_text
from txplatform.errors import TxPlatformError
from txplatform.eventstore.migrations import migrate
from txplatform.simulation.network import account_id
from txplatform.simulation.plan import plan
from txplatform.simulation.runner import Simulator

_READY_S = 30
_DATA_FILES = (
    "postgres",
    "postgres.log",
    "postgres.password",
    "api.log",
    "worker.log",
    "state.json",
)


class DemoError(TxPlatformError):
    """Raised if the demo cannot start."""


class _StoppedError(Exception):
    """Raised on Ctrl-C or SIGTERM, so that `run_demo` stops every component."""


def run_demo(folder: Path, *, fresh: bool, days_per_s: float, port: int | None) -> int:
    """Run the demo until Ctrl-C or SIGTERM; return the exit code.

    Args:
        folder: The data folder; created if it does not exist.
        fresh: True to delete the data of earlier runs first.
        days_per_s: Simulated days per second.
        port: The API's port; None for a free one.

    Raises:
        DemoError: Another demo uses this folder, or a component did not become ready.
        PostgresError: PostgreSQL could not be set up.
        ChildDiedError: A component ended unexpectedly.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with _folder_lock(folder):
        if fresh:
            DemoPostgres(folder).stop_leftover()
            _remove_data(folder)
        stack = ExitStack()
        try:
            _on_stop_signals(_raise_stopped)
            _run(stack, folder, days_per_s, port or free_port())
        except _StoppedError:
            print("stopping …", flush=True)  # noqa: T201
        finally:
            _on_stop_signals(signal.SIG_IGN)  # so that every part is stopped completely
            stack.close()
    print(f"stopped; the data is in {folder}", flush=True)  # noqa: T201
    return 0


def _run(stack: ExitStack, folder: Path, days_per_s: float, port: int) -> None:
    started = monotonic()
    postgres = DemoPostgres(folder)
    stack.callback(postgres.stop)
    urls = postgres.start()
    migrate(urls.owner, urls.service)
    bus = DemoBus()
    worker_port = free_port()
    settings = {
        "TXPLATFORM_DATABASE_URL": urls.service,
        "TXPLATFORM_MIGRATION_DATABASE_URL": urls.owner,
        "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": bus.bootstrap_servers,
    }
    env = {**settings, "TXPLATFORM_API_PORT": str(port), "TXPLATFORM_HEALTH_PORT": str(worker_port)}
    children = []
    for name in ("api", "worker"):
        command = [sys.executable, "-m", "txplatform.cli", name]
        child = Child(name, command, log=folder / f"{name}.log", env=env)
        stack.callback(child.stop)
        children.append(child)
    api_url, worker_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{worker_port}"
    year = _next_run(folder)
    with psycopg.connect(urls.service) as connection:
        _, key = create_key(connection, name=f"demo run {year}", scopes=list(Scope))
    _wait_ready([api_url, worker_url], children)
    simulator = Simulator(
        api_url=api_url,
        api_key=key,
        kafka={"bootstrap.servers": bus.bootstrap_servers, "log_level": 2},
        days_per_s=days_per_s,
    )
    text = welcome_text(
        api_url=api_url,
        worker_url=worker_url,
        kafka=bus.bootstrap_servers,
        key=key,
        account=account_id(year, 1),
        folder=folder,
        settings=settings,
    )

    def on_ready() -> None:
        print(text, f"ready after {monotonic() - started:.1f} s\n", sep="", flush=True)  # noqa: T201

    asyncio.run(
        _until_stopped(
            _send(simulator, folder, year, on_ready),
            _watch(simulator, LiveLine(worker_url), [postgres, *children]),
        )
    )


async def _until_stopped(*work: Coroutine[Any, Any, None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def request_stop(_: int, __: FrameType | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)

    # `loop.add_signal_handler` would restore the default handlers when the loop ends.
    _on_stop_signals(request_stop)
    tasks = [asyncio.ensure_future(each) for each in (*work, stop.wait())]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()  # raises the exception of the task, if it failed
    raise _StoppedError


async def _send(
    simulator: Simulator, folder: Path, year: int, on_ready: Callable[[], None]
) -> None:
    days = plan(year)
    await simulator.run([next(days)])
    on_ready()
    await simulator.run(days)
    while True:
        await simulator.run(plan(_next_run(folder)))


async def _watch(simulator: Simulator, live: LiveLine, parts: list[DemoPostgres | Child]) -> None:
    before = monotonic()
    while True:
        await asyncio.sleep(1)
        now = monotonic()
        print(await asyncio.to_thread(live.line, simulator.sent, now - before), flush=True)  # noqa: T201
        before = now
        for part in parts:
            part.check()


def _wait_ready(urls: list[str], children: list[Child]) -> None:
    deadline = monotonic() + _READY_S
    for url in urls:
        while True:
            for child in children:
                child.check()
            try:
                response = httpx.get(f"{url}/readyz", timeout=2)
            except httpx.TransportError:
                response = None
            if response is not None and response.is_success:
                break
            if monotonic() > deadline:
                raise DemoError(
                    f"{url} did not become ready within {_READY_S} s.",
                    why=response.text if response is not None else "There is no response.",
                    next_step="See the logs in the data folder.",
                )
            sleep(0.1)


def _next_run(folder: Path) -> int:
    """Increment and return the stored run number, which makes the ids of each run unique."""
    state = folder / "state.json"
    year = json.loads(state.read_text())["year"] + 1 if state.exists() else 1
    written = state.with_suffix(".new")
    written.write_text(json.dumps({"year": year}))
    written.replace(state)
    return int(year)


@contextmanager
def _folder_lock(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(
                f"Another demo is using {folder}.",
                next_step="Stop it, or choose another folder with --data-dir.",
            ) from None
        yield


def _on_stop_signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def _raise_stopped(_: int, __: FrameType | None) -> None:
    _on_stop_signals(signal.SIG_IGN)
    raise _StoppedError


def _remove_data(folder: Path) -> None:
    for name in _DATA_FILES:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
