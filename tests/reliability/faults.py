"""The faults that are tried, by class. To add one, write a function here.

A function makes the fault, waits until the fault has had its effect, and heals what an operator or
a supervisor would heal. Its docstring is the fault's line in the table. A trial measures from its
return how long the platform needs.
"""

from __future__ import annotations

import os
import resource
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import httpx
import psutil
import psycopg
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from harness.inbound import OPENED, SUBMITTED, Sender, opened, payment
from harness.kafka import Broker, set_topic
from harness.postgres import PostgresServer
from harness.processes import Command, run_command
from harness.relay import Relay
from harness.waiting import WaitError, wait_until
from reliability.conditions import (
    Conditions,
    SettableClock,
    SmallDisk,
    SmallDiskOfWal,
    VersionBefore,
)
from reliability.installation import Installation, Service
from reliability.load import ACCOUNTS, Load
from txplatform.demo.processes import free_port
from txplatform.publisher import TOPICS as OUTBOUND

_Conditions = TypeVar("_Conditions", bound=Conditions)


@dataclass(frozen=True)
class Site:
    """An installation under load."""

    installation: Installation
    load: Load

    @property
    def apis(self) -> list[Service]:
        """The two APIs."""
        return self.installation.apis

    @property
    def workers(self) -> list[Service]:
        """The two workers."""
        return self.installation.workers

    @property
    def postgres(self) -> PostgresServer:
        """The database server."""
        return self.installation.infrastructure.postgres

    @property
    def postgres_relay(self) -> Relay:
        """The network between the platform and the database."""
        return self.installation.infrastructure.postgres_relay

    @property
    def kafka(self) -> Broker:
        """The broker."""
        return self.installation.infrastructure.kafka

    @property
    def kafka_relay(self) -> Relay:
        """The network between the platform and the broker."""
        return self.installation.infrastructure.kafka_relay

    def conditions(self, kind: type[_Conditions]) -> _Conditions:
        """Return the special conditions of the installation."""
        found = self.installation.conditions
        assert isinstance(found, kind)
        return found

    def execute(self, query: str) -> list[tuple[Any, ...]]:
        """Run a statement as the database's owner."""
        return self.installation.execute(query)


Act = Callable[[Site], None]


@dataclass(frozen=True)
class Fault:
    """A fault under trial.

    Attributes:
        kind: Its class, such as `database`.
        act: Makes the fault, and heals it.
        conditions: What is special about the installation that it is tried on.
    """

    kind: str
    act: Act
    conditions: type[Conditions] = Conditions

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.act.__name__

    @property
    def text(self) -> str:
        """What happens, as the table says it."""
        return " ".join((self.act.__doc__ or "").split()).removesuffix(".")


FAULTS: list[Fault] = []
"""All faults, in the order of the table."""


def _of(kind: str, conditions: type[Conditions] = Conditions) -> Callable[[Act], Act]:
    def add(act: Act) -> Act:
        FAULTS.append(Fault(kind, act, conditions))
        return act

    return add


def _last(seconds: float) -> None:
    """Let a fault last: its length is part of the fault."""
    threading.Event().wait(seconds)


def _kill(service: Service) -> None:
    service.command.kill()
    service.command.start()


@_of("process")
def api_killed(site: Site) -> None:
    """One of two APIs is killed (SIGKILL) and started again."""
    _kill(site.apis[0])


@_of("process")
def both_apis_killed(site: Site) -> None:
    """Both APIs are killed at the same time."""
    for api in site.apis:
        api.command.kill()
    for api in site.apis:
        api.command.start()


@_of("process")
def apis_restarted_one_by_one(site: Site) -> None:
    """Each API is stopped (SIGTERM) and started again, as in a rolling upgrade."""
    for api in site.apis:
        assert api.command.stop() == 0
        api.command.start()
        api.wait_ready()


@_of("process")
def api_frozen(site: Site) -> None:
    """One API is frozen (SIGSTOP) for a minute."""
    frozen, other = site.apis
    frozen.command.freeze()
    _last(60)
    assert frozen.unready() == "ReadTimeout"
    assert other.unready() == ""
    frozen.command.thaw()


@_of("process")
def third_worker(site: Site) -> None:
    """A third worker joins, so that partitions move, and is killed."""
    with Command("worker", env=site.installation.env) as third:
        third.wait_ready()
        site.load.wait_for_answers(30)


@_of("process")
def worker_killed(site: Site) -> None:
    """One of two workers is killed and started again."""
    _kill(site.workers[0])


@_of("process")
def both_workers_killed_three_times(site: Site) -> None:
    """Both workers are killed at the same time, three times in a row, while they start."""
    for _ in range(3):
        for worker in site.workers:
            _kill(worker)
        site.load.wait_for_answers(5)


@_of("process")
def workers_restarted_one_by_one(site: Site) -> None:
    """Each worker is stopped (SIGTERM) and started again."""
    for worker in site.workers:
        assert worker.command.stop() == 0
        worker.command.start()
        worker.wait_ready()


@_of("process")
def worker_frozen(site: Site) -> None:
    """The worker that holds the leader locks is frozen for a minute; its Kafka session ends."""

    def leads(worker: Service) -> bool:
        return "became leader" in worker.command.stderr

    leader, *_ = wait_until(lambda: [*filter(leads, site.workers)])
    (other,) = (worker for worker in site.workers if worker is not leader)
    leader.command.freeze()
    _last(60)
    assert leads(other), other.command.stderr
    leader.command.thaw()
    _wait_until_said(site, "Consumer group session timed out")


@_of("process")
def everything_killed(site: Site) -> None:
    """All processes, the database and the broker are killed at once."""
    for service in site.installation.services:
        service.command.kill()
    site.postgres.kill()
    site.kafka.kill()
    site.postgres.start()
    site.kafka.start()
    for service in site.installation.services:
        service.command.start()


@_of("database")
def database_killed(site: Site) -> None:
    """PostgreSQL ends without a checkpoint, and recovers at its next start."""
    site.postgres.kill()
    site.postgres.start()


@_of("database")
def database_restarted(site: Site) -> None:
    """PostgreSQL is stopped and started again, as for a minor upgrade."""
    site.postgres.stop()
    site.postgres.start()


@_of("database")
def database_away(site: Site) -> None:
    """PostgreSQL is away for 15 s."""
    site.postgres.kill()
    _last(15)
    site.postgres.start()


@_of("database")
def sessions_ended(site: Site) -> None:
    """PostgreSQL ends all sessions of the platform, five times in a row."""
    for _ in range(5):
        site.installation.database.end_sessions()
        site.load.wait_for_answers(3)


@_of("database")
def log_locked(site: Site) -> None:
    """Another session holds an exclusive lock on the event log for 12 s."""
    with psycopg.connect(site.installation.database.owner_url) as other:
        other.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        _last(12)
        other.rollback()


@_of("database")
def read_only(site: Site) -> None:
    """PostgreSQL becomes read-only until clients reconnect, as after a failover."""
    name = site.installation.database.name
    site.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    site.installation.database.end_sessions()
    wait_until(lambda: all(api.unready() for api in site.apis), message="APIs to notice")
    with psycopg.connect(site.installation.database.owner_url, autocommit=True) as owner:
        owner.execute("SET default_transaction_read_only = off")
        owner.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only".encode())


@_of("database")
def rights_revoked(site: Site) -> None:
    """The service's role loses the right to append for a while."""
    right = "EXECUTE ON FUNCTION append_events"
    site.execute(f"REVOKE {right} FROM txplatform_service")
    wait_until(lambda: all(api.unready() for api in site.apis), message="APIs to notice")
    site.execute(f"GRANT {right} TO txplatform_service")


@_of("database")
def connections_used_up(site: Site) -> None:
    """PostgreSQL ends all sessions and accepts no new connection of the service for 8 s."""
    site.execute("ALTER ROLE txplatform_service_login CONNECTION LIMIT 0")
    site.installation.database.end_sessions()
    _last(8)
    site.execute("ALTER ROLE txplatform_service_login CONNECTION LIMIT -1")


@_of("database")
def appending_process_frozen(site: Site) -> None:
    """The server process of PostgreSQL that appends an API's decisions is frozen for a minute."""
    appending = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND query LIKE '%%append_events%%'"
    )
    ((pid,), *_) = wait_until(lambda: site.installation.execute(appending))
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGSTOP)
    _last(60)
    _wait_until_said(site, "the database did not respond in time")
    os.kill(pid, signal.SIGCONT)


@_of("database")
def long_snapshot(site: Site) -> None:
    """Another session keeps a snapshot open while snapshots and read models are written."""
    with psycopg.connect(site.installation.database.owner_url) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT count(*) FROM events")
        site.load.wait_for_answers(100)


@_of("network")
def database_connections_reset(site: Site) -> None:
    """All connections to the database are reset five times in a row."""
    for _ in range(5):
        site.postgres_relay.reset()
        site.load.wait_for_answers(3)


@_of("network")
def database_unreachable(site: Site) -> None:
    """Connections to the database are refused for 10 s."""
    site.postgres_relay.cut()
    _last(10)
    site.postgres_relay.restore()


@_of("network")
def database_silent(site: Site) -> None:
    """Nothing gets through to the database for 15 s, while connections stay open."""
    site.postgres_relay.silence()
    _last(15)
    site.postgres_relay.restore()


@_of("network")
def database_slow(site: Site) -> None:
    """Each packet to and from the database takes 100 ms, for 15 s."""
    site.postgres_relay.slow(0.1)
    _last(15)
    site.postgres_relay.restore()


@_of("network")
def broker_unreachable(site: Site) -> None:
    """Connections to the broker are refused for 10 s."""
    site.kafka_relay.cut()
    _last(10)
    site.kafka_relay.restore()


@_of("network")
def broker_silent(site: Site) -> None:
    """Nothing gets through to the broker for 20 s, while connections stay open."""
    site.kafka_relay.silence()
    _last(20)
    site.kafka_relay.restore()


@_of("network")
def broker_slow(site: Site) -> None:
    """Each packet to and from the broker takes 300 ms, for 20 s."""
    site.kafka_relay.slow(0.3)
    _last(20)
    site.kafka_relay.restore()


@_of("broker")
def broker_killed(site: Site) -> None:
    """The broker is killed and started again."""
    site.kafka.kill()
    site.kafka.start()


@_of("broker")
def broker_restarted(site: Site) -> None:
    """The broker is stopped and started again."""
    site.kafka.stop()
    site.kafka.start()


@_of("broker")
def broker_frozen(site: Site) -> None:
    """The broker is frozen for 15 s."""
    site.kafka.freeze()
    _last(15)
    _wait_until_said(site, "cannot be used. Failed to get metadata")
    site.kafka.thaw()


@_of("broker")
def disk_of_broker_lost(site: Site) -> None:
    """One of the broker's two disks is away, so that some partitions have no leader."""
    bring_back = site.kafka.lose_disk()
    site.load.wait_for_answers(20)
    bring_back()


@_of("broker")
def disk_of_broker_full(site: Site) -> None:
    """The broker's disk is full: the broker ends, and starts once there is space."""
    with SmallDisk.made() as disk:
        bring_back = site.kafka.move_disks(disk.folder)
        site.load.wait_for_answers(20)
        disk.fill()
        site.kafka.wait_ended()
        wait_until(lambda: any(w.unready() for w in site.workers), message="it to be noticed")
        disk.free()
        site.kafka.start()
        site.load.wait_for_answers(20)
        bring_back()


@_of("broker")
def records_refused(site: Site) -> None:
    """The broker refuses every record of the topic of decisions as too large, for a while."""
    bootstrap = site.kafka.bootstrap
    (topic, *_) = OUTBOUND
    set_topic(bootstrap, topic, "max.message.bytes", "100")
    wait_until(lambda: any(w.unready() for w in site.workers), message="it to be noticed")
    set_topic(bootstrap, topic, "max.message.bytes", "1000000")


@_of("broker")
def partitions_added(site: Site) -> None:
    """The topic of payments gets two more partitions (not supported, see Topics in Operations)."""
    admin = AdminClient({"bootstrap.servers": site.kafka.bootstrap})
    admin.create_partitions([NewPartitions(SUBMITTED, 6)])[SUBMITTED].result(30)
    site.load.wait_for_answers(20)


@_of("input")
def rubbish(site: Site) -> None:
    """A thousand unreadable messages arrive on the topic of payments; they are parked."""
    sender = Sender(site.kafka.bootstrap)
    for number in range(1000):
        sender.send_raw(SUBMITTED, ACCOUNTS[number % len(ACCOUNTS)].encode(), b"{" * (number % 50))
    sender.flush()
    site.load.messages += 1000


@_of("input")
def burst(site: Site) -> None:
    """Five thousand payments of unknown accounts arrive at once."""
    sender = Sender(site.kafka.bootstrap)
    for number in range(5000):
        account_id = f"other-{number % 50}"
        sender.send(SUBMITTED, payment(f"burst-{number}", account_id))
    for number in range(50):
        sender.send(OPENED, opened(f"other-{number}"))
    sender.flush()
    site.load.messages += 5050


@_of("resources", SmallDisk)
def disk_full(site: Site) -> None:
    """The disk of PostgreSQL's tables is full."""
    disk = site.conditions(SmallDisk)
    disk.fill()
    _wait_until_said(site, "No space left on device")
    disk.free()


@_of("resources", SmallDiskOfWal)
def disk_of_wal_full(site: Site) -> None:
    """The disk of PostgreSQL's WAL is full: the server ends, and starts once there is space."""
    disk = site.conditions(SmallDiskOfWal)
    disk.fill()

    def ended() -> bool:
        try:  # the segments that exist have space
            site.execute("SELECT pg_switch_wal(), pg_logical_emit_message(true, 'test', 'more')")
        except psycopg.OperationalError:
            return True
        return False

    wait_until(ended, message="PostgreSQL to end")
    site.postgres.wait_ended()
    _wait_until_said(site, "The database is unavailable")
    disk.free()
    site.postgres.start()


@_of("resources")
def files_used_up(site: Site) -> None:
    """One API and one worker may open no more files, and lose their sessions."""
    limited = _one_of_each(site)
    for pid in limited:
        lowest = min(each.fd for each in psutil.Process(pid).net_connections() if each.fd > 2)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest + 1, 4096))
    site.installation.database.end_sessions()
    _wait_until_said(site, "Too many open files")
    for pid in limited:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (4096, 4096))


@_of("resources")
def memory_used_up(site: Site) -> None:
    """One API and one worker get no more memory for 10 s; their supervisor restarts the silent."""
    limited = _one_of_each(site)
    for pid in limited:
        most = psutil.Process(pid).memory_info().vms
        resource.prlimit(pid, resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
    with ThreadPoolExecutor(60) as clients:
        list(clients.map(lambda _: _ask_for_much(site), range(180)))
    _last(10)
    _wait_until_said(site, "MemoryError")
    for pid in limited:
        with suppress(ProcessLookupError):
            resource.prlimit(
                pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            )
    for service in (site.apis[0], site.workers[0]):
        _supervise(service)


@_of("resources", SettableClock)
def clocks_ahead(site: Site) -> None:
    """The clocks of both APIs are an hour ahead for a while."""
    _work_by_wrong_clocks(site, 3600)


@_of("resources", SettableClock)
def clocks_behind(site: Site) -> None:
    """The clocks of both APIs are an hour behind for a while."""
    _work_by_wrong_clocks(site, -3600)


@_of("resources")
def projector_ahead(site: Site) -> None:
    """`consume`, `publish` and `project` replace the workers; `project` is an hour ahead."""
    _project_by_a_wrong_clock(site, 3600)


@_of("resources")
def projector_behind(site: Site) -> None:
    """`consume`, `publish` and `project` replace the workers; `project` is an hour behind."""
    _project_by_a_wrong_clock(site, -3600)


def _one_of_each(site: Site) -> list[int]:
    return [site.apis[0].command.pid, site.workers[0].command.pid]


def _wait_until_said(site: Site, words: str) -> None:
    """Wait until a process gives the reason in these words, by `/readyz` or in its log."""

    def said() -> bool:
        reasons = site.installation.unready().values()
        logs = (service.command.stderr for service in site.installation.services)
        return any(words in text for text in (*reasons, *logs))

    wait_until(said, timeout_s=60, message=f"a process to say: {words}")


def _ask_for_much(site: Site) -> None:
    """Make the first API use memory: large responses, and a body with many errors."""
    url = site.apis[0].url
    with site.load.client() as client:
        for path in ("/openapi.json", "/v1/events?limit=500"):
            with suppress(httpx.TransportError):
                client.get(url + path)
        with suppress(httpx.TransportError):
            client.post(f"{url}/v1/process-transaction", json={"metadata": ["x" * 100] * 500})


def _supervise(service: Service) -> None:
    """Start a process again if it has ended, or is silent for 10 s."""

    def settled() -> bool:
        with suppress(httpx.TransportError):
            httpx.get(f"{service.url}/livez", timeout=2)
            return True
        return service.command.exit_code is not None

    try:
        wait_until(settled, timeout_s=10, message=f"{service.url} to respond or to end")
    except WaitError:
        service.command.kill()
    if service.command.exit_code is not None:
        service.command.start()
        service.command.wait_ready()


def _work_by_wrong_clocks(site: Site, off_s: int) -> None:
    """Set the clocks of the APIs wrong and right again; check that nothing is decided by them."""
    clock = site.conditions(SettableClock)
    for each_s in (off_s, 0):
        clock.set(each_s)
        wait_until(
            lambda: all(clock.off_s(api.url) == pytest.approx(each_s, abs=60) for api in site.apis),  # noqa: B023
            message=f"clocks that are {each_s} s off",
        )
        site.load.wait_for_answers(50)
        unready = site.installation.unready()
        assert unready == {}, unready
    ((most,),) = site.installation.execute(
        "SELECT max(abs(extract(epoch FROM recorded_at -"
        " (convert_from(state, 'UTF8')::json->>'timestamp')::timestamptz)))"
        " FROM events WHERE topic LIKE 'authorization%%'"
    )
    assert isinstance(most, Decimal)
    assert most < 5, f"a decision was dated {most} s from the time of its record"


def _project_by_a_wrong_clock(site: Site, off_s: int) -> None:
    """Replace the workers until the read models have followed by the wrong clock."""
    env, port = site.installation.env, free_port()
    with (
        SettableClock.made() as clock,
        Command("consume", env=env),
        Command("publish", env=env),
    ):
        clock.set(off_s)
        wrong = {**env, **clock.api_env(), "TXPLATFORM_HEALTH_PORT": str(port)}
        with Command("project", env=wrong) as project:
            service = Service(project.wait_ready(), f"http://127.0.0.1:{port}")
            assert clock.off_s(service.url) == pytest.approx(off_s, abs=60)
            for worker in site.workers:
                assert worker.command.stop() == 0
            site.load.wait_for_answers(50)
            ((end,),) = site.execute("SELECT max(position) FROM events")
            wait_until(
                lambda: (
                    site.execute(
                        "SELECT min(position) FROM checkpoints WHERE name LIKE 'projection:%%'"
                    )
                    >= [(end,)]
                ),
                message="the read models to follow",
            )
            assert service.unready() == ""
            assert project.stop() == 0
    for worker in site.workers:
        worker.command.start()


@_of("upgrade", VersionBefore)
def upgraded(site: Site) -> None:
    """`txplatform migrate` runs under the version before, then each process is upgraded."""
    owner = {"TXPLATFORM_MIGRATION_DATABASE_URL": site.installation.database.owner_url}
    newer = {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    code, out, errors = run_command("migrate", env={**site.installation.env, **newer, **owner})
    assert code == 0, errors
    assert "0012" in out
    for _ in range(3):
        site.load.wait_for_answers(10)
        assert site.installation.unready() == {}
    for service in site.installation.services:
        assert service.command.stop() == 0
        service.command.start(**newer)
        service.wait_ready()
        site.load.wait_for_answers(5)
    site.installation.env |= newer
