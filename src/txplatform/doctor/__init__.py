"""`txplatform doctor`: looks at everything the service stands on; one module a check, listed here.

It changes nothing. A check that cannot look is told as skipped, with the reason.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import psycopg
from confluent_kafka import KafkaException

from txplatform.database import Database
from txplatform.doctor.api_keys import check_api_keys
from txplatform.doctor.broker import BrokerView
from txplatform.doctor.clock import check_clock
from txplatform.doctor.consumer_lag import check_consumers
from txplatform.doctor.database_server import check_server
from txplatform.doctor.durability import check_durability, check_standby
from txplatform.doctor.finding import Finding, failed, ok, skipped
from txplatform.doctor.log_lag import check_projector, check_publisher
from txplatform.doctor.overdue_holds import check_overdue_holds
from txplatform.doctor.rights import check_rights
from txplatform.doctor.schema import check_migrations
from txplatform.doctor.topics import check_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from txplatform.doctor.broker import Cluster
    from txplatform.settings import Settings

DATABASE_CHECKS: tuple[Callable[[psycopg.Connection], list[Finding]], ...] = (
    check_server,
    check_migrations,
    check_rights,
    check_durability,
    check_standby,
    check_clock,
    check_api_keys,
    check_projector,
    check_publisher,
    check_overdue_holds,
)


def examine(settings: Settings) -> Iterator[Finding]:
    """What each check found, one after the other."""
    with ExitStack() as open_things:
        connection = None
        try:
            connection = open_things.enter_context(Database.for_service(settings).connect())
        except psycopg.OperationalError as error:
            yield failed(
                "database",
                f"It cannot be reached: {' '.join(str(error).split())}.",
                "Check TXPLATFORM_DATABASE_URL and that the server is up.",
            )
        else:
            for check in DATABASE_CHECKS:
                yield from _of_database(check, connection)
        view = open_things.enter_context(BrokerView(settings))
        try:
            cluster = view.cluster()
        except KafkaException as error:
            yield failed(
                "broker",
                f"{settings.kafka_bootstrap_servers} does not answer: {error.args[0].str()}.",
                "Check TXPLATFORM_KAFKA_* and that the brokers are up. Decisions go on meanwhile.",
            )
        else:
            yield from _of_broker(view, cluster, connection)


def _of_database(
    check: Callable[[psycopg.Connection], list[Finding]], connection: psycopg.Connection
) -> list[Finding]:
    try:
        return check(connection)
    except psycopg.Error as error:
        name = check.__name__.removeprefix("check_").replace("_", " ")
        return [skipped(name, f"The database does not tell: {' '.join(str(error).split())}.")]


def _of_broker(
    view: BrokerView, cluster: Cluster, connection: psycopg.Connection | None
) -> Iterator[Finding]:
    yield ok("broker", f"{cluster.brokers} in cluster {cluster.cluster_id}.")
    try:
        yield from check_topics(view, cluster)
        if connection is not None:
            yield from check_consumers(connection, view, cluster)
    except (KafkaException, psycopg.Error) as error:
        yield skipped("topics", f"Looking at them failed: {' '.join(str(error).split())}.")
