"""Measure balance reads, alone and mixed with decisions."""

from __future__ import annotations

from benchmarks.rows import Row
from benchmarks.stand import Effort, Stand, middle

GROUP = "reads"
SHARES = {"balance reads": 1.0, "30 % balance reads, 70 % decisions": 0.3}
CONNECTIONS = (32, 128)
ACCOUNTS = 1000


def measure(effort: Effort) -> list[Row]:
    """Measure each share of reads at each number of connections."""
    with Stand() as stand:
        stand.open_accounts(ACCOUNTS)
        with stand.api() as api:
            return [
                middle(
                    GROUP,
                    name,
                    [
                        stand.load(
                            api,
                            connections=connections,
                            accounts=ACCOUNTS,
                            seconds=effort.seconds,
                            reads=share,
                        )
                        for _ in range(effort.rounds)
                    ],
                    connections=connections,
                    accounts=ACCOUNTS,
                )
                for name, share in SHARES.items()
                for connections in CONNECTIONS
            ]
