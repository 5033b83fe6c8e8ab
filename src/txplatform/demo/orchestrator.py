"""Start the demo's components in order, print a status line, and stop them in reverse order."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep
from types import FrameType
from typing import Any

import httpx
import psycopg

from txplatform.api_keys import Scope, create_key
from txplatform.demo.bank import SERVICES, DemoBank, require_bank
from txplatform.demo.booking import AccountsDesk
from txplatform.demo.bus import DemoBus
from txplatform.demo.business_days import BusinessDays, noon
from txplatform.demo.card import PlatformCard, write_card
from txplatform.demo.folder import lock_folder, next_run, remove_data
from txplatform.demo.postgres import DemoPostgres, Urls
from txplatform.demo.processes import Child, free_port, refuse_taken
from txplatform.demo.simulated_clock import simulate_clock
from txplatform.demo.watch import LiveLine
from txplatform.demo.welcome import welcome_text
from txplatform.errors import TxPlatformError
from txplatform.eventstore.migrations import migrate
from txplatform.simulation.network import account_id
from txplatform.simulation.plan import plan
from txplatform.simulation.runner import Simulator

_READY_S = 30


class DemoError(TxPlatformError):
    """Raised if the demo cannot start."""


class _StoppedError(Exception):
    """Raised on Ctrl-C or SIGTERM, so that `run_demo` stops every component."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """The options of the command.

    Attributes:
        folder: The data folder; created if it does not exist.
        fresh: True to delete the data of earlier runs first.
        days_per_s: Simulated days per second.
        port: The API's port, from which the other ports follow; 0 for free ports.
        card: The file for addresses, keys and logins, written once all is ready; None for none.
        with_bank: False to run the platform only.
    """

    folder: Path
    fresh: bool
    days_per_s: float
    port: int
    card: Path | None
    with_bank: bool


def run_demo(options: DemoOptions) -> int:
    """Run the demo until Ctrl-C or SIGTERM; return the exit code.

    Raises:
        FolderInUseError: Another demo uses this folder.
        DemoError: A component did not become ready.
        DemoBankError: The bank's services are not installed or could not be set up.
        PortTakenError: Another program uses a port.
        NotSimulatedError: An earlier version made the data.
        PostgresError: PostgreSQL could not be set up.
        ChildDiedError: A component ended unexpectedly.
    """
    options = replace(options, folder=options.folder.resolve())
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    with lock_folder(folder):
        if options.fresh:
            DemoPostgres(folder).stop_leftover()
            remove_data(folder)
        stack = ExitStack()
        try:
            _on_stop_signals(_raise_stopped)
            _run(stack, options)
        except _StoppedError:
            print("stopping …", flush=True)  # noqa: T201
        finally:
            _on_stop_signals(signal.SIG_IGN)  # so that every part is stopped completely
            stack.close()
    print(f"stopped; the data is in {folder}", flush=True)  # noqa: T201
    return 0


def _run(stack: ExitStack, options: DemoOptions) -> None:
    started = monotonic()
    folder = options.folder
    if options.card is not None:
        options.card.unlink(missing_ok=True)
    if options.with_bank:
        require_bank()
    ports = _ports(options)
    refuse_taken(ports)
    postgres, urls = _start_database(stack, folder)
    year = next_run(folder)
    days = plan(year)
    first_day = next(days)
    simulate_clock(urls.owner, noon(first_day.date))
    owner = stack.enter_context(psycopg.connect(urls.owner, autocommit=True))
    bus = DemoBus()
    port, worker_port = ports["API"], ports["worker"]
    settings = {
        "TXPLATFORM_DATABASE_URL": urls.service,
        "TXPLATFORM_MIGRATION_DATABASE_URL": urls.owner,
        "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": bus.bootstrap_servers,
    }
    env = {**settings, "TXPLATFORM_API_PORT": str(port), "TXPLATFORM_HEALTH_PORT": str(worker_port)}
    children = _start_platform(stack, folder, env)
    api_url, worker_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{worker_port}"
    with psycopg.connect(urls.service) as connection:
        _, key = create_key(
            connection, name=f"demo run {year}, simulated clock", scopes=list(Scope)
        )
    platform = PlatformCard(url=api_url, key=key, kafka=bus.bootstrap_servers)
    bank, bank_urls = None, []
    if options.with_bank:
        bank = DemoBank(folder, postgres, platform, {each: ports[each] for each in SERVICES})
        child = bank.start()
        stack.callback(child.stop)
        children.append(child)
        bank_urls = [bank.url(service) for service in SERVICES]
    _wait_ready([api_url, worker_url, *bank_urls], children)
    simulator = Simulator(
        api_url=api_url,
        api_key=key,
        kafka={"bootstrap.servers": bus.bootstrap_servers, "log_level": 2},
        days_per_s=options.days_per_s,
        book=None if bank is None else AccountsDesk(bank.url("accounts"), bank.key).book,
    )

    def on_ready() -> None:
        account = account_id(year, 1)
        users = None if bank is None else bank.add_users(year, account)
        text = welcome_text(
            platform=platform,
            bank=users,
            worker_url=worker_url,
            account=account,
            folder=folder,
            settings=settings,
        )
        if options.card is not None:
            write_card(options.card, platform, users)
        print(text, f"ready after {monotonic() - started:.1f} s\n", sep="", flush=True)  # noqa: T201

    ready = asyncio.Event()
    clock = BusinessDays(owner, platform, simulator, bus.cluster_id)

    async def send() -> None:
        await clock.run([first_day])
        await asyncio.to_thread(on_ready)
        ready.set()
        await clock.run(days)
        while True:
            await clock.run(plan(next_run(folder)))

    live = LiveLine(worker_url, options.days_per_s)
    asyncio.run(_until_stopped(send(), _watch(simulator, live, [postgres, *children], ready)))


def _start_database(stack: ExitStack, folder: Path) -> tuple[DemoPostgres, Urls]:
    postgres = DemoPostgres(folder)
    stack.callback(postgres.stop)
    urls = postgres.start()
    migrate(urls.owner, urls.service)
    return postgres, urls


def _start_platform(stack: ExitStack, folder: Path, env: Mapping[str, str]) -> list[Child]:
    children = []
    for name in ("api", "worker"):
        command = [sys.executable, "-m", "txplatform.cli", name]
        child = Child(name, command, log=folder / f"{name}.log", env=env)
        stack.callback(child.stop)
        children.append(child)
    return children


def _ports(options: DemoOptions) -> dict[str, int]:
    """Return the port of each part."""
    parts = {"API": 0, "worker": 1}
    if options.with_bank:
        parts |= {service: 101 + number for number, service in enumerate(SERVICES)}
    if not options.port:
        return {part: free_port() for part in parts}
    return {part: options.port + number for part, number in parts.items()}


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


async def _watch(
    simulator: Simulator,
    live: LiveLine,
    parts: list[DemoPostgres | Child],
    ready: asyncio.Event,
) -> None:
    before = monotonic()
    while True:
        await asyncio.sleep(1)
        now = monotonic()
        if ready.is_set():
            line = await asyncio.to_thread(live.line, simulator.sent, now - before)
            print(line, flush=True)  # noqa: T201
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


def _on_stop_signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def _raise_stopped(_: int, __: FrameType | None) -> None:
    _on_stop_signals(signal.SIG_IGN)
    raise _StoppedError
