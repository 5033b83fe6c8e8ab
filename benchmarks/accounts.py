"""Measure decisions by number of accounts, from one hot account to a million accounts."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from benchmarks.load import Measured
from benchmarks.rows import Row
from benchmarks.stand import Api, Effort, Stand, middle

GROUP = "accounts"
DECISIONS = "decisions"
OPENING = "accounts opened in batches"
FIRST_TOUCH = "first decision on each account, in order"
MEMORY = "resident memory of the API afterwards"
ACCOUNTS = (1, 1_000, 100_000, 1_000_000)
CONNECTIONS = 128
_FIRST_TOUCH_FROM = 100_000
"""From this number of accounts on, the first decision on each account is measured too."""
_AT_MOST_S = 900


def measure(effort: Effort, accounts: Sequence[int] = ACCOUNTS) -> list[Row]:
    """Decide once on every account, then on random accounts, alternating the number of accounts."""
    most = max(accounts)
    with Stand() as stand:
        started = perf_counter()
        stand.open_accounts(most)
        opened = most / (perf_counter() - started)
        with stand.api() as api:
            touched = []
            if most >= _FIRST_TOUCH_FROM:
                touched = [
                    Row(GROUP, OPENING, round(opened), "accounts/s", settings={"accounts": most}),
                    *_touch(stand, api, most),
                ]
            runs: dict[int, list[Measured]] = {number: [] for number in accounts}
            for _ in range(effort.rounds):
                for number in accounts:
                    runs[number].append(
                        stand.load(
                            api, connections=CONNECTIONS, accounts=number, seconds=effort.seconds
                        )
                    )
    return [
        *touched,
        *(
            middle(GROUP, DECISIONS, measured, accounts=number, connections=CONNECTIONS)
            for number, measured in runs.items()
        ),
    ]


def _touch(stand: Stand, api: Api, accounts: int) -> list[Row]:
    """Measure the first decision on each account, before the process has cached the account."""
    touched = stand.load(
        api,
        connections=CONNECTIONS,
        accounts=accounts,
        seconds=_AT_MOST_S,
        in_order=True,
        most=accounts,
    )
    if touched.responses != accounts:
        raise RuntimeError(f"{touched.responses} of {accounts} accounts in {_AT_MOST_S} s")
    memory = round(api.resident_mib, 1)
    return [
        middle(GROUP, FIRST_TOUCH, [touched], accounts=accounts, connections=CONNECTIONS),
        Row(GROUP, MEMORY, memory, "MiB", settings={"accounts": accounts}),
    ]
