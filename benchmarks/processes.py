"""Measure two API processes on the same accounts, compared with one process."""

from __future__ import annotations

from benchmarks.load import Measured
from benchmarks.rows import Row
from benchmarks.stand import Effort, Stand, middle

GROUP = "processes"
DECISIONS = "decisions"
CONNECTIONS, ACCOUNTS = 128, 1000


def measure(effort: Effort) -> list[Row]:
    """Alternate between one process and a pair of processes; all keep running."""
    runs: dict[int, list[Measured]] = {1: [], 2: []}
    with Stand() as stand:
        stand.open_accounts(ACCOUNTS)
        with stand.api(1) as one, stand.api(2) as two:
            for _ in range(effort.rounds):
                for number, api in ((1, one), (2, two)):
                    runs[number].append(
                        stand.load(
                            api, connections=CONNECTIONS, accounts=ACCOUNTS, seconds=effort.seconds
                        )
                    )
    return [
        middle(
            GROUP, DECISIONS, measured, processes=number, connections=CONNECTIONS, accounts=ACCOUNTS
        )
        for number, measured in runs.items()
    ]
