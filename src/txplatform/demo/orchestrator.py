"""Start the demo's components in order, print a status line, and stop them in reverse order."""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from types import FrameType
from typing import Any

import httpx
import psycopg

from txplatform.api_keys import Scope, create_key
from txplatform.demo.bank import SERVICES, DemoBank
from txplatform.demo.booking import AccountsDesk
from txplatform.demo.bus import DemoBus
from txplatform.demo.card import PlatformCard, write_card
from txplatform.demo.folder import lock_folder, next_run, remove_data
from txplatform.demo.postgres import DemoPostgres
from txplatform.demo.processes import Child, free_port
from txplatform.demo.watch import LiveLine
from txplatform.demo.welcome import welcome_text
from txplatform.errors import TxPlatformError
from txplatform.eventstore.migrations import migrate
from txplatform.simulation.barnet import CARDS
from txplatform.simulation.network import account_id
from txplatform.simulation.plan import plan
from txplatform.simulation.runner import Simulator
from txplatform_client import AsyncClient, ProblemError

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
        port: The API's port; None for a free one.
        card: The file for addresses, keys and logins, written once all is ready; None for none.
        with_bank: False to run the platform only.
    """

    folder: Path
    fresh: bool
    days_per_s: float
    port: int | None
    card: Path | None
    with_bank: bool


def run_demo(options: DemoOptions) -> int:
    """Run the demo until Ctrl-C or SIGTERM; return the exit code.

    Raises:
        FolderInUseError: Another demo uses this folder.
        DemoError: A component did not become ready.
        DemoBankError: The bank's services are not installed or could not be set up.
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
    postgres = DemoPostgres(folder)
    stack.callback(postgres.stop)
    urls = postgres.start()
    migrate(urls.owner, urls.service)
    bus = DemoBus()
    port, worker_port = options.port or free_port(), free_port()
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
    year = next_run(folder)
    with psycopg.connect(urls.service) as connection:
        _, key = create_key(connection, name=f"demo run {year}", scopes=list(Scope))
    platform = PlatformCard(url=api_url, key=key, kafka=bus.bootstrap_servers)
    bank, bank_urls = None, []
    if options.with_bank:
        bank = DemoBank(folder, postgres, platform)
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
    asyncio.run(
        _until_stopped(
            _send(simulator, platform, folder, year, on_ready, ready),
            _watch(simulator, LiveLine(worker_url), [postgres, *children], ready),
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


async def _send(  # noqa: PLR0913  # what a run needs
    simulator: Simulator,
    platform: PlatformCard,
    folder: Path,
    year: int,
    on_ready: Callable[[], None],
    ready: asyncio.Event,
) -> None:
    days = plan(year)
    await simulator.run([next(days)], settled=partial(_accounts_known, platform, year))
    await asyncio.to_thread(on_ready)
    ready.set()
    await simulator.run(days)
    while True:
        await simulator.run(plan(next_run(folder)))


async def _accounts_known(platform: PlatformCard, year: int) -> None:
    """Wait until the platform has opened the accounts of a year."""
    async with AsyncClient(platform.url, platform.key) as client:
        for account in (account_id(year, card) for card in range(CARDS)):
            deadline = monotonic() + _READY_S
            while True:
                try:
                    await client.read_balance(account)
                    break
                except ProblemError as error:
                    if error.type != "account-not-found" or monotonic() > deadline:
                        raise
                await asyncio.sleep(0.1)


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
