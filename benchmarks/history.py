"""Decisions against the length of an account's history: remembered, and read for the first time."""

from __future__ import annotations

from datetime import UTC, datetime
from http.client import HTTPConnection
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING
from uuid import uuid4

from benchmarks.rows import Row
from benchmarks.stand import Stand, middle
from txplatform.api.process_transaction import PATH
from txplatform.database import Database
from txplatform.domain.commands.receive_payment import ReceivePayment
from txplatform.domain.facts import Payment
from txplatform.domain.ids import AccountId, PaymentId
from txplatform.projections.snapshots import retake_snapshots

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.load import Measured
    from benchmarks.stand import Api, Effort

GROUP = "history"
WARM = "decisions, accounts remembered"
COLD, COLD_WITH_SNAPSHOT = "first decision, no snapshot", "first decision, with a snapshot"
HISTORIES = (10, 1_000, 100_000)
ACCOUNTS = 10
CONNECTIONS = 32
_SNAPSHOT_EVERY = 100
_FILLED_AT_ONCE = 2_000


def measure(effort: Effort, histories: Sequence[int] = HISTORIES) -> list[Row]:
    """Ten accounts of each history; cold without snapshots first, since deciding takes some."""
    with Stand() as stand:
        for history in histories:
            _fill(stand, history)
        rows = []
        with stand.api() as api:
            rows += _cold(stand, api, histories, COLD)
            runs: dict[int, list[Measured]] = {history: [] for history in histories}
            for _ in range(effort.rounds):
                for history in histories:
                    runs[history].append(
                        stand.load(
                            api,
                            prefix=f"h{history}",
                            connections=CONNECTIONS,
                            accounts=ACCOUNTS,
                            seconds=effort.seconds,
                        )
                    )
            rows += [
                middle(
                    GROUP,
                    WARM,
                    measured,
                    history=history,
                    accounts=ACCOUNTS,
                    connections=CONNECTIONS,
                )
                for history, measured in runs.items()
            ]
        retake_snapshots(Database(stand.urls.owner), every=_SNAPSHOT_EVERY)
        with stand.api() as api:
            rows += _cold(stand, api, histories, COLD_WITH_SNAPSHOT)
        return rows


def _fill(stand: Stand, history: int) -> None:
    """Accounts that have been opened and have received payments."""
    stand.open_accounts(ACCOUNTS, prefix=f"h{history}")
    now = datetime.now(UTC)
    for number in range(ACCOUNTS):
        account = AccountId(f"h{history}-{number}")
        for first in range(1, history, _FILLED_AT_ONCE):
            stand.record(
                ReceivePayment(Payment(PaymentId(f"p{each}"), account, 1, "USD", now))
                for each in range(first, min(history, first + _FILLED_AT_ONCE))
            )


def _cold(stand: Stand, api: Api, histories: Sequence[int], name: str) -> list[Row]:
    """The median of the first decisions of a process on accounts that it has to read."""
    connection = HTTPConnection("127.0.0.1", api.ports[0])
    rows = []
    for history in histories:
        taken_ms = []
        for number in range(ACCOUNTS):
            account = f"h{history}-{number}"
            body = (
                f'{{"transaction_id": "{uuid4().hex}", "account_id": "{account}",'
                ' "amount": 1, "currency": "USD", "merchant": {"id": "m-17",'
                ' "name": "Corner Books", "category_code": "5942", "country": "USA"}}'
            )
            started = perf_counter()
            connection.request("POST", PATH, body, {"Authorization": f"Bearer {stand.key}"})
            answer = connection.getresponse()
            answer.read()
            taken_ms.append(1000 * (perf_counter() - started))
            if answer.status != 200:  # noqa: PLR2004  # HTTP's number
                raise RuntimeError(f"a cold decision was answered {answer.status}")
        settings = {"history": history, "accounts": ACCOUNTS}
        rows.append(Row(GROUP, name, round(median(taken_ms), 2), "ms", settings=settings))
    return rows
