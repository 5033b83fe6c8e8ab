"""Decisions against the number of accounts, from a single hot one to a million."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.rows import Row
from benchmarks.stand import Stand, middle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.load import Measured
    from benchmarks.stand import Effort

GROUP = "accounts"
DECISIONS, FIRST_TOUCH, MEMORY = "decisions", "first touch of each account", "resident memory"
ACCOUNTS = (1, 1_000, 100_000, 1_000_000)
CONNECTIONS = 128
_FIRST_TOUCHES_A_SECOND = 8_000
"""A guess, to share the accounts out to loads of a few seconds until all have been touched."""


def measure(effort: Effort, accounts: Sequence[int] = ACCOUNTS) -> list[Row]:
    """Touch every account once, then decide on accounts at random, by turns."""
    most = max(accounts)
    rows = []
    with Stand() as stand:
        stand.open_accounts(most)
        with stand.api() as api:
            if most > 1_000:  # noqa: PLR2004  # fewer are touched by the loads themselves
                touching = most / _FIRST_TOUCHES_A_SECOND
                touched = stand.load(
                    api,
                    connections=CONNECTIONS,
                    accounts=most,
                    seconds=touching,
                    in_order=True,
                )
                rows.append(middle(GROUP, FIRST_TOUCH, [touched], accounts=most))
                memory = round(api.resident_mib, 1)
                settings = {"accounts": min(most, round(1.2 * touched.answered))}
                rows.append(Row(GROUP, MEMORY, memory, "MiB", settings=settings))
            runs: dict[int, list[Measured]] = {number: [] for number in accounts}
            for _ in range(effort.rounds):
                for number in accounts:
                    runs[number].append(
                        stand.load(
                            api,
                            connections=CONNECTIONS,
                            accounts=number,
                            seconds=effort.seconds,
                        )
                    )
    return [
        *rows,
        *(
            middle(GROUP, DECISIONS, measured, accounts=number, connections=CONNECTIONS)
            for number, measured in runs.items()
        ),
    ]
