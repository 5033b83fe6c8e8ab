"""Measure decisions and a plain FastAPI app by number of connections; no workers run."""

from __future__ import annotations

from benchmarks.load import Measured
from benchmarks.rows import Row
from benchmarks.stand import Api, Effort, Stand, middle

GROUP = "decisions"
PLAIN, DECISIONS = "plain FastAPI", "decisions"
OPEN_LOOP = "decisions, open loop at half of the top rate"
CONNECTIONS = (1, 8, 32, 128, 512)
OPEN_LOOP_CONNECTIONS = 32
ACCOUNTS = 1000
_OPEN_LOOP_ROUNDS = 3
"""Multiplies the rounds: within a few seconds, p99 shows only disturbances of the machine."""


def measure(effort: Effort) -> list[Row]:
    """Alternate between both apps at each number of connections, then run the open loop."""
    with Stand() as stand, stand.plain() as plain, stand.api() as api:
        stand.open_accounts(ACCOUNTS)

        def run(app: Api, number: int, rate: float | None = None) -> Measured:
            return stand.load(
                app, connections=number, accounts=ACCOUNTS, seconds=effort.seconds, rate=rate
            )

        rows = []
        for number in CONNECTIONS:
            runs = [(run(plain, number), run(api, number)) for _ in range(effort.rounds)]
            for name, measured in zip((PLAIN, DECISIONS), zip(*runs, strict=True), strict=True):
                row = middle(GROUP, name, measured, connections=number, accounts=ACCOUNTS)
                rows.append(row)
        rate = round(max(row.value for row in rows if row.name == DECISIONS) / 2)
        half = [
            run(api, OPEN_LOOP_CONNECTIONS, rate) for _ in range(_OPEN_LOOP_ROUNDS * effort.rounds)
        ]
        rows.append(middle(GROUP, OPEN_LOOP, half, connections=OPEN_LOOP_CONNECTIONS, rate=rate))
        return rows
