"""`txplatform doctor`: looks at everything the service stands on; one module a check, listed here.

It changes nothing. A check that cannot look is told as skipped, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial

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
from txplatform.doctor.privileges import check_rights
from txplatform.doctor.schema import check_migrations
from txplatform.doctor.topics import check_topic_settings, check_topics
from txplatform.pluralize import pluralize
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
    """What each check found, one after the other, as it comes."""
    with ExitStack() as open_things:
        connection = None
        try:
            connection = open_things.enter_context(Database.for_service(settings).connect())
        except psycopg.OperationalError as error:
            yield failed(
                "database",
                f"It cannot be reached: {_in_a_line(error)}.",
                "Check TXPLATFORM_DATABASE_URL and that the server is up.",
            )
        else:
            for check in DATABASE_CHECKS:
                name = check.__name__.removeprefix("check_").replace("_", " ")
                yield from looked(name, partial(check, connection))
        try:
            view = open_things.enter_context(BrokerView(settings))
            cluster = view.cluster()
        except KafkaException as error:
            yield failed(
                "broker",
                f"{settings.kafka_bootstrap_servers} does not answer: {error.args[0].str()}.",
                "Check TXPLATFORM_KAFKA_* and that the brokers are up. Decisions go on meanwhile.",
            )
        else:
            yield ok(
                "broker", f"{pluralize(cluster.brokers, 'broker')} in cluster {cluster.cluster_id}."
            )
            yield from looked("topics", partial(check_topics, cluster))
            yield from looked("topic settings", partial(check_topic_settings, view, cluster))
            if connection is not None:
                yield from looked("consume", partial(check_consumers, connection, view, cluster))


def looked(name: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What one check finds; one that cannot look, or is wrong itself, keeps no other from it."""
    try:
        yield from check()
    except KafkaException as error:
        yield skipped(name, f"The broker does not tell: {error.args[0].str()}.")
    except TimeoutError:
        yield skipped(name, "The broker does not tell: no answer in time.")
    except psycopg.Error as error:
        yield skipped(name, f"The database does not tell: {_in_a_line(error)}.")
    except Exception as error:  # noqa: BLE001  # told as what it is: this check does not work
        yield failed(
            name,
            f"The check itself failed: {type(error).__name__}: {_in_a_line(error)}.",
            "Run `txplatform doctor` again; where it stays so, report this: the doctor is wrong.",
        )


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())
