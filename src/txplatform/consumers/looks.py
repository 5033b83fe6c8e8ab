"""Background checks of the consumer, such as for changed topics, alarms and figures.

Messages can be applied without them, so a check that fails is logged and counted, and the consumer
goes on. If the database is the cause and cannot store messages either, its error is raised.
"""

from collections.abc import Callable
from typing import TypeVar

import psycopg
from confluent_kafka import KafkaException
from prometheus_client import Counter
from structlog.typing import FilteringBoundLogger

from txplatform.kafka import BrokersError
from txplatform.telemetry import FaultLog

_BRIEF = "SET LOCAL statement_timeout = '1s'"

T = TypeVar("T")


class Looks:
    """Runs background checks, and keeps the faults of those that failed.

    Attributes:
        faults: The fault of each check whose last attempt failed, by its name.
    """

    def __init__(self, log: FilteringBoundLogger, failures: Counter) -> None:
        self.faults: dict[str, str] = {}
        self._log = log
        self._logs: dict[str, FaultLog] = {}
        self._failures = failures

    def take(self, name: str, look: Callable[[], object], connection: psycopg.Connection) -> bool:
        """Run a background check; return False if it failed.

        Raises:
            psycopg.Error: The connection is lost, or the database takes no writes.
        """
        try:
            look()
        except (BrokersError, KafkaException, psycopg.Error) as fault:
            if connection.closed or isinstance(fault, psycopg.errors.ReadOnlySqlTransaction):
                raise
            self.faults[name] = " ".join(str(fault).split())
            self._failures.labels(name).inc()
            if name not in self._logs:
                self._logs[name] = FaultLog(
                    self._log.bind(look=name), line="background check failed"
                )
            self._logs[name].failed(fault)
            return False
        if self.faults.pop(name, None):
            self._logs[name].succeeded()
        return True


def briefly(connection: psycopg.Connection, query: Callable[[psycopg.Connection], T]) -> T:
    """Return the result of a query that may take no longer than a second."""
    with connection.transaction():
        connection.execute(_BRIEF)
        return query(connection)
