"""Measure decisions by number of connections, and an empty endpoint with the same models."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.load import Measured
from benchmarks.rows import Row
from benchmarks.server import EMPTY_PATH
from benchmarks.stand import Effort, Stand, middle
from txplatform.api.process_transaction import PATH

GROUP = "decisions"
EMPTY, DECISIONS = "empty endpoint", "decisions"
OPEN_LOOP = "decisions, open loop at half of the top rate"
CONNECTIONS = (1, 8, 32, 128, 512)
OPEN_LOOP_CONNECTIONS = 32
ACCOUNTS = 1000
_OPEN_LOOP_ROUNDS = 3
"""Multiplies the rounds: within a few seconds, p99 shows only disturbances of the machine."""


def measure(effort: Effort, connections: Sequence[int] = CONNECTIONS) -> list[Row]:
    """Measure both endpoints alternately at each number of connections, then the open loop."""
    with Stand() as stand:
        stand.open_accounts(ACCOUNTS)
        with stand.api() as api:

            def run(path: str, number: int, rate: float | None = None) -> Measured:
                return stand.load(
                    api,
                    path=path,
                    connections=number,
                    accounts=ACCOUNTS,
                    seconds=effort.seconds,
                    rate=rate,
                )

            rows = []
            for number in connections:
                runs = [(run(EMPTY_PATH, number), run(PATH, number)) for _ in range(effort.rounds)]
                for name, measured in zip((EMPTY, DECISIONS), zip(*runs, strict=True), strict=True):
                    row = middle(GROUP, name, measured, connections=number, accounts=ACCOUNTS)
                    rows.append(row)
            rate = round(max(row.value for row in rows if row.name == DECISIONS) / 2)
            stand.recycle_wal()
            half = [
                run(PATH, OPEN_LOOP_CONNECTIONS, rate)
                for _ in range(_OPEN_LOOP_ROUNDS * effort.rounds)
            ]
            rows.append(
                middle(GROUP, OPEN_LOOP, half, connections=OPEN_LOOP_CONNECTIONS, rate=rate)
            )
            return rows
