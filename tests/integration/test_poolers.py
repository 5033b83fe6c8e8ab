"""The service runs behind pgbouncer in session mode, and refuses other modes at start."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest

from harness.api import balance, open_account, purchase, running_api
from harness.pgbouncer import by_way_of, pgbouncer
from harness.postgres import PostgresServer, TestDatabase
from harness.processes import run_command
from txbank.database import Database as BankDatabase
from txplatform.database import Database
from txplatform.doctor.database_server import check_time_limits
from txplatform.doctor.finding import FindingStatus
from txplatform.eventstore.statements import LOCK_LOG
from txplatform.pooling import SharedSessionError

_LIMITS = "SELECT name, setting FROM pg_settings WHERE name LIKE '%timeout' AND setting <> '0'"


@contextmanager
def _traffic(url: str, clients: int) -> Iterator[None]:
    """Run short transactions of other clients, which take sessions of the same pool."""
    stop = threading.Event()

    def run() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not stop.is_set():
                connection.execute("SELECT 1", prepare=False)

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_session_mode_keeps_the_time_limits_and_a_frozen_holder_of_the_lock_is_ended(
    postgres: PostgresServer, database: TestDatabase
) -> None:
    """pgbouncer drops connection options, so the limits are set in the session."""
    with pgbouncer(postgres, "pool_mode = session") as port:
        pooled = by_way_of(port, database)
        env = {"TXPLATFORM_DATABASE_URL": pooled.service_url}
        with running_api(env) as api:
            open_account(api.client, "acc", 1000)
            short_limit = Database(pooled.service_url, idle_in_transaction_timeout_s=1)
            with closing(short_limit.connect()) as frozen:
                limits: dict[str, str] = dict(frozen.execute(_LIMITS).fetchall())
                assert limits["statement_timeout"] == "30000"
                frozen.execute("BEGIN")
                frozen.execute(LOCK_LOG)
                asked = purchase("t", "acc", 10)
                assert api.client.post("/v1/process-transaction", json=asked).status_code == 200
            assert balance(api.client, "acc")["pending"] == 10


@pytest.mark.parametrize("mode", ["transaction", pytest.param("statement", marks=pytest.mark.long)])
def test_other_modes_are_refused_at_start(
    postgres: PostgresServer, database: TestDatabase, mode: str
) -> None:
    with pgbouncer(postgres, f"pool_mode = {mode}") as port:
        pooled = by_way_of(port, database)
        env = {
            "TXPLATFORM_DATABASE_URL": pooled.service_url,
            "TXPLATFORM_MIGRATION_DATABASE_URL": pooled.owner_url,
        }
        for command in ("api", "worker", "migrate"):
            code, out, err = run_command(command, env=env, timeout_s=30)
            assert code == 1
            assert "set the pooler to session mode" in out + err
            assert "Traceback" not in err


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("server_round_robin = 1", "min_pool_size = 10"),
        ("default_pool_size = 1",),
        pytest.param(("min_pool_size = 10",), marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("clients", [0, 12])
def test_the_mode_is_recognised_whatever_other_clients_do(
    postgres: PostgresServer, database: TestDatabase, settings: tuple[str, ...], clients: int
) -> None:
    with pgbouncer(postgres, "pool_mode = transaction", *settings) as port:
        pooled = by_way_of(port, database)
        with _traffic(pooled.service_url, clients):
            for _ in range(10):
                with pytest.raises(SharedSessionError):
                    Database(pooled.service_url).connect()
    if "default_pool_size = 1" in settings:
        return  # in session mode, other clients would keep the only session
    with pgbouncer(postgres, "pool_mode = session", *settings) as port:
        pooled = by_way_of(port, database)
        with _traffic(pooled.service_url, clients):
            for _ in range(10):
                Database(pooled.service_url).connect().close()


def test_session_mode_is_recognised_if_the_pool_has_no_session_left(
    postgres: PostgresServer, database: TestDatabase
) -> None:
    with pgbouncer(postgres, "pool_mode = session", "default_pool_size = 1") as port:
        Database(by_way_of(port, database).service_url).connect().close()


def test_time_limits_in_the_url_win_and_the_doctor_says_that_one_is_off(
    database: TestDatabase,
) -> None:
    url = f"{database.service_url}?options=-cstatement_timeout%3D7s%20-clock_timeout%3D0"
    with Database(url).connect() as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("7s",)
        assert connection.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("5s",)
        (finding,) = check_time_limits(connection)
        assert finding.status is FindingStatus.FAILED
        assert finding.detail.startswith("Off: lock_timeout.")
    with BankDatabase(url, "payments").connect() as of_bank:
        assert of_bank.execute("SHOW statement_timeout").fetchone() == {"statement_timeout": "7s"}
        assert of_bank.execute("SHOW timezone").fetchone() == {"TimeZone": "UTC"}
