"""Run the simulator's days as business days: the clock moves on when a day is done, not before."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from time import monotonic

import psycopg

from txplatform.demo.card import PlatformCard
from txplatform.demo.simulated_clock import move_clock
from txplatform.simulation.plan import LIMIT_CHANGED, OPENED, Day
from txplatform.simulation.runner import Simulator
from txplatform_client import AsyncClient, ProblemError

_AGAIN_S = 0.02
_LIMITS_S = 30
_POSITIONS = "SELECT topic, partition, next_offset FROM inbound_positions WHERE cluster_id = %s"


def noon(day: date) -> datetime:
    """Return the time at which a day's messages and purchases are sent, UTC."""
    return datetime.combine(day, time(12), UTC)


class BusinessDays:
    """Sends days so that everything is decided and recorded on its day.

    Args:
        owner: A connection of the tables' owner, in autocommit mode.
        platform: The platform's addresses and key.
        simulator: Sends the days.
        cluster_id: The id of the Kafka cluster.
    """

    def __init__(
        self,
        owner: psycopg.Connection,
        platform: PlatformCard,
        simulator: Simulator,
        cluster_id: str,
    ) -> None:
        self._owner = owner
        self._cluster_id = cluster_id
        self._platform = platform
        self._simulator = simulator

    async def run(self, days: Iterable[Day]) -> None:
        """Send the days, each at noon of its day by the simulated clock.

        Raises:
            SimulationError: A purchase was refused, the API was away for long, or a message was not
                delivered.
            TxPlatformClientError: The API refused to read a balance.
            psycopg.Error: The database does not respond.
        """
        await self._simulator.run(days, begin=self._begin, settled=self._settled)

    async def _begin(self, day: Day) -> None:
        await asyncio.to_thread(move_clock, self._owner, noon(day.date))

    async def _settled(self, day: Day) -> None:
        """Wait until the platform has applied the messages of the day."""
        # Polled, since another process applies them.
        while not await asyncio.to_thread(self._all_applied):  # noqa: ASYNC110
            await asyncio.sleep(_AGAIN_S)
        await self._limits_known(day)

    def _all_applied(self) -> bool:
        rows = self._owner.execute(_POSITIONS, (self._cluster_id,)).fetchall()
        reached = {(topic, partition): offset for topic, partition, offset in rows}
        sent = self._simulator.sent.next_offsets
        return all(reached.get(place, 0) >= offset for place, offset in sent.items())

    async def _limits_known(self, day: Day) -> None:
        """Wait for openings and limits, which the bank may have sent on its own way.

        A limit may never come, if a member of the bank's staff has changed it meanwhile.
        """
        messages = [each for each in day.messages if each.topic in (OPENED, LIMIT_CHANGED)]
        messages.sort(key=lambda each: int(each.body.get("limit_version", 0)))
        limits = {each.key: each.body["credit_limit"] for each in messages}
        if not limits:
            return
        async with AsyncClient(self._platform.url, self._platform.key) as client:
            deadline = monotonic() + _LIMITS_S
            for account, limit in limits.items():
                while not await _has_limit(client, account, limit, deadline):  # noqa: ASYNC110
                    await asyncio.sleep(_AGAIN_S)


async def _has_limit(client: AsyncClient, account_id: str, limit: int, deadline: float) -> bool:
    """Return whether an account has this limit; after the deadline, whether it is open."""
    try:
        balance = await client.read_balance(account_id)
    except ProblemError as error:
        if error.type != "account-not-found" or monotonic() > deadline:
            raise
        return False
    return balance.credit_limit == limit or monotonic() > deadline
