"""The checks of `txplatform doctor`, which change nothing."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from functools import partial

import psycopg

from txplatform.doctor.broker import BrokerView
from txplatform.doctor.database_server import (
    check_api_keys,
    check_clock,
    check_durability,
    check_migrations,
    check_rights,
    check_server,
    check_standby,
    check_time_limits,
    check_wal_files,
)
from txplatform.doctor.finding import Finding, failed, ok, skipped
from txplatform.doctor.inbox import (
    check_deferred_messages,
    check_parked_changes,
    check_parked_messages,
    check_payments,
    check_waiting_advices,
)
from txplatform.doctor.lag import (
    check_consumers,
    check_group,
    check_overdue_holds,
    check_projector,
    check_publisher,
    check_skipped_events,
)
from txplatform.doctor.topics import ALL_TOPICS, check_topic_settings, check_topics
from txplatform.kafka import BrokersError
from txplatform.pluralize import pluralize
from txplatform.settings import Settings

DATABASE_CHECKS: tuple[Callable[[psycopg.Connection], Iterator[Finding]], ...] = (
    check_server,
    check_migrations,
    check_rights,
    check_durability,
    check_time_limits,
    check_wal_files,
    check_standby,
    check_clock,
    check_api_keys,
    check_skipped_events,
    check_parked_changes,
    check_parked_messages,
    check_deferred_messages,
    check_payments,
    check_waiting_advices,
)

LAG_CHECKS = (check_projector, check_publisher, check_overdue_holds)


def examine(settings: Settings) -> Iterator[Finding]:
    """Run every check and yield each finding as soon as it is known.

    Checks that need an unreachable database or broker are left out.
    """
    with ExitStack() as stack:
        connection = None
        try:
            connection = stack.enter_context(settings.service_database.connect())
        except psycopg.OperationalError as error:
            yield failed(
                "database",
                f"The database cannot be used: {_one_line(error)}.",
                "Check TXPLATFORM_DATABASE_URL and that the server is running.",
            )
        else:
            for check in DATABASE_CHECKS:
                yield from run_check(_name(check), partial(check, connection))
            for measure in LAG_CHECKS:
                yield from run_check(
                    _name(measure), partial(measure, connection, settings.stalled_after_s)
                )
        try:
            view = stack.enter_context(closing(BrokerView(settings)))
            cluster = view.cluster(ALL_TOPICS)
        except BrokersError as error:
            yield failed(
                "broker",
                f"{error.what} {error.why}",
                f"{error.next_step} Decisions continue without Kafka.",
            )
        else:
            yield ok(
                "broker", f"{pluralize(cluster.brokers, 'broker')} in cluster {cluster.cluster_id}."
            )
            yield from run_check("topics", partial(check_topics, view, cluster))
            yield from run_check("topic settings", partial(check_topic_settings, view, cluster))
            if connection is not None:
                yield from run_check(
                    "consume",
                    partial(check_consumers, connection, view, cluster, settings.stalled_after_s),
                )
                yield from run_check(
                    "consumer group", partial(check_group, connection, view, cluster, settings)
                )


def run_check(name: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Yield the findings of one check, and report an exception as the last finding.

    The check counts as skipped if the database or the broker caused the exception. Any other
    exception is a defect of the check, which then counts as failed.
    """
    try:
        yield from check()
    except BrokersError as error:
        yield skipped(name, f"{error.what} {error.why}", error.next_step)
    except TimeoutError:
        yield skipped(name, "The broker did not respond in time.")
    except psycopg.Error as error:
        yield skipped(name, f"The database refused the query: {_one_line(error)}.")
    except Exception as error:  # noqa: BLE001  # reported as a defect of this check
        yield failed(
            name,
            f"The check itself failed: {type(error).__name__}: {_one_line(error)}.",
            "Run `txplatform doctor` again. If the check fails again, report it as a defect.",
        )


def _name(check: Callable[..., Iterator[Finding]]) -> str:
    return check.__name__.removeprefix("check_").replace("_", " ")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
