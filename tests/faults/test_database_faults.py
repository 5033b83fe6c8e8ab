"""A database that loses sessions, refuses writes or rights for a time: all heals without a hand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from harness.api import open_account, running_api
from harness.inbound import execute

if TYPE_CHECKING:
    from harness.postgres import TestDatabase


def _end_sessions(database: TestDatabase) -> None:
    execute(
        database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = %s AND usename <> current_user",
        database.name,
    )


def _sessions(database: TestDatabase) -> int:
    ((count,),) = execute(
        database,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND usename <> current_user",
        database.name,
    )
    return int(count)


def test_i8_sessions_that_were_ended_while_idle_cost_no_read(
    database: TestDatabase, service_env: dict[str, str]
) -> None:
    """As many as there are: a failover ends them all, and who asks next gets an answer."""
    with running_api(service_env) as api, ThreadPoolExecutor(32) as clients:
        open_account(api.client, "acc", 1000)
        list(clients.map(lambda _: api.client.get("/v1/events"), range(200)))
        assert _sessions(database) > 4
        _end_sessions(database)
        answers = [api.client.get("/v1/events").status_code for _ in range(10)]
        assert answers == [200] * 10
