"""A whole installation, set up and run with the commands that an operator uses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from time import monotonic, sleep

import psutil

from benchmarks.brokers import running_broker
from benchmarks.load import Load, Measured, run_load
from benchmarks.stand import LIMIT, Api, Stand
from txplatform.eventstore.log import last_position
from txplatform.projections import PROJECTIONS
from txplatform.publisher.event_feed import EventFeed

ACCOUNTS = 1000
_CREATED = 201
_POLL_S = 0.02
_AT_MOST_S = 600
_FOLLOWERS = [
    f"publisher:{EventFeed.name}",
    *(f"projection:{projection.name}" for projection in PROJECTIONS),
]
_BEHIND = """
SELECT FROM unnest(%s::text[]) AS f (name) LEFT JOIN checkpoints c USING (name)
WHERE coalesce(c.position, 0) < %s
"""


@dataclass(frozen=True)
class Installation:
    """A running installation with accounts, and the plain FastAPI app beside it.

    Attributes:
        processes: The processes by name, without PostgreSQL and the plain FastAPI app.
        postgres: The name of the PostgreSQL settings.
        broker: The name of the broker.
    """

    stand: Stand
    api: Api
    plain: Api
    processes: Mapping[str, psutil.Process]
    postgres: str
    broker: str

    def conditions(self, connections: int) -> dict[str, int | str]:
        """Return the settings of a row."""
        return {"connections": connections, "postgres": self.postgres, "broker": self.broker}

    def load(
        self,
        api: Api,
        connections: int,
        seconds: float,
        generator: Callable[[Load], Measured] = run_load,
    ) -> Measured:
        """Send purchases to the API or to the plain FastAPI app."""
        return self.stand.load(
            api, connections=connections, accounts=ACCOUNTS, seconds=seconds, generator=generator
        )

    def recorded_events(self) -> int:
        """Return the number of events in the log."""
        with self.stand.database.connect() as connection:
            row = connection.execute("SELECT count(*) FROM events").fetchone()
        assert row is not None
        return int(row[0])

    def catch_up(self) -> None:
        """Wait until the publisher and the projector have processed the whole log.

        Raises:
            RuntimeError: They did not within ten minutes.
        """
        deadline = monotonic() + _AT_MOST_S
        with self.stand.database.connect() as connection:
            end = last_position(connection)
            while connection.execute(_BEHIND, (_FOLLOWERS, end)).fetchone() is not None:
                if monotonic() > deadline:
                    raise RuntimeError(f"the workers did not catch up within {_AT_MOST_S} s")
                sleep(_POLL_S)


@contextmanager
def everything_on(
    postgres: str, settings: Mapping[str, str], *, warm_up_s: float
) -> Iterator[Installation]:
    """Run a new installation with all workers until the context ends.

    Args:
        postgres: The name of the PostgreSQL settings, for the rows.
        settings: The settings of PostgreSQL that differ from its defaults.
        warm_up_s: How long to warm up the broker.
    """
    with ExitStack() as stack:
        broker = stack.enter_context(running_broker(warm_up_s))
        stand = stack.enter_context(Stand(settings, broker.address))
        stand.command("topics", "create")
        api = stack.enter_context(stand.api())
        processes = {
            "API": api.processes[0],
            "consumer": stack.enter_context(stand.service("consume")),
            "publisher": stack.enter_context(stand.service("publish")),
            "projector": stack.enter_context(stand.service("project")),
            "broker": broker.process,
        }
        open_accounts(stand, api)
        plain = stack.enter_context(stand.plain())
        yield Installation(stand, api, plain, processes, postgres, broker.name)


def open_accounts(stand: Stand, api: Api) -> None:
    """Open the accounts over HTTP.

    Raises:
        RuntimeError: An account could not be opened.
    """
    headers = {"Authorization": f"Bearer {stand.key}", "Content-Type": "application/json"}
    connection = HTTPConnection("127.0.0.1", api.ports[0])
    for number in range(ACCOUNTS):
        body = {"account_id": f"bench-{number}", "currency": "USD", "credit_limit": LIMIT}
        connection.request("POST", "/v1/accounts", json.dumps(body), headers)
        response = connection.getresponse()
        problem = response.read()
        if response.status != _CREATED:
            raise RuntimeError(f"an account got status {response.status}: {problem!r}")
    connection.close()
