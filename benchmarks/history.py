"""Measure decisions by length of the account's history, on cached and on uncached accounts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from statistics import median
from time import perf_counter
from uuid import uuid4

from benchmarks.load import BODY, Measured
from benchmarks.rows import Row
from benchmarks.stand import Api, Effort, Stand, middle, opening
from txplatform.api.process_transaction import PATH
from txplatform.database import Database
from txplatform.domain.advices import Payment
from txplatform.domain.commands import Command
from txplatform.domain.ids import AccountId, PaymentId, TransactionId
from txplatform.domain.requests import Merchant, Purchase
from txplatform.projections.snapshots import retake_snapshots

GROUP = "history"
WARM = "decisions on cached accounts"
COLD = "first decision of a process on an account, no snapshot"
COLD_WITH_SNAPSHOT = "first decision of a process on an account, with a snapshot"
CONNECTIONS = 32
_ONE_APPROVAL_IN = 50
_COLD_ACCOUNTS = 10
_SNAPSHOT_EVERY = 2
_SHOP = Merchant("m-17", "Corner Books", "5942", "USA")


@dataclass(frozen=True)
class Kind:
    """A number of accounts, each with the same number of events (`history`) at the start."""

    history: int
    accounts: int

    @property
    def prefix(self) -> str:
        """The beginning of the account ids."""
        return f"h{self.history}x{self.accounts}"

    @property
    def settings(self) -> dict[str, int]:
        """The settings of the rows."""
        return {"history": self.history, "accounts": self.accounts}


COMPARED_ACCOUNTS = 10
"""The number of accounts in each comparison, always the same since it affects the rate."""
KINDS = (
    Kind(10, 1_000),
    Kind(10, COMPARED_ACCOUNTS),
    Kind(1_000, COMPARED_ACCOUNTS),
    Kind(100_000, COMPARED_ACCOUNTS),
)


def measure(effort: Effort, kinds: Sequence[Kind] = KINDS) -> list[Row]:
    """Measure first decisions without and with snapshots, then decisions on cached accounts.

    The measurement without snapshots comes first, since decisions take snapshots.
    """
    with Stand() as stand:
        for kind in kinds:
            for number in range(kind.accounts):
                stand.record(_history(f"{kind.prefix}-{number}", kind.history))
        alike = [kind for kind in kinds if kind.accounts == COMPARED_ACCOUNTS]
        with stand.api() as api:
            cold = _cold(stand, api, alike, COLD)
        retake_snapshots(Database(stand.urls.owner), every=_SNAPSHOT_EVERY)
        with stand.api() as api:
            cold += _cold(stand, api, alike, COLD_WITH_SNAPSHOT)
            return [*_warm(stand, api, kinds, effort), *cold]


def _history(account: str, events: int) -> Iterator[Command]:
    """Yield payments and, every 50 events, a purchase that the next payments pay for."""
    yield opening(account)
    account_id, now = AccountId(account), datetime.now(UTC)
    for number in range(1, events):
        if number % _ONE_APPROVAL_IN == 1:
            amount = 100 * (_ONE_APPROVAL_IN - 1)
            transaction = TransactionId(f"{account}-t{number}")
            yield Purchase(transaction, account_id, amount, "USD", _SHOP)
        else:
            payment = PaymentId(f"{account}-p{number}")
            yield Payment(payment, account_id, 100, "USD", now)


def _warm(stand: Stand, api: Api, kinds: Sequence[Kind], effort: Effort) -> list[Row]:
    """Alternate between the kinds of accounts; the decisions themselves lengthen the histories."""
    runs: dict[Kind, list[Measured]] = {kind: [] for kind in kinds}
    for _ in range(effort.rounds):
        for kind in kinds:
            runs[kind].append(
                stand.load(
                    api,
                    prefix=kind.prefix,
                    connections=CONNECTIONS,
                    accounts=kind.accounts,
                    seconds=effort.seconds,
                )
            )
    return [
        middle(
            GROUP,
            WARM,
            measured,
            history=kind.history,
            accounts=kind.accounts,
            connections=CONNECTIONS,
        )
        for kind, measured in runs.items()
    ]


def _cold(stand: Stand, api: Api, kinds: Sequence[Kind], name: str) -> list[Row]:
    """Measure the median time of first decisions in a new process, which has cached no account."""
    connection = HTTPConnection("127.0.0.1", api.ports[0])
    rows = []
    for kind in kinds:
        taken_ms = []
        for number in range(_COLD_ACCOUNTS):
            body = BODY % (uuid4().hex, f"{kind.prefix}-{number}")
            started = perf_counter()
            connection.request("POST", PATH, body, {"Authorization": f"Bearer {stand.key}"})
            response = connection.getresponse()
            response.read()
            taken_ms.append(1000 * (perf_counter() - started))
            if response.status != 200:  # noqa: PLR2004  # HTTP status
                raise RuntimeError(f"a first decision got status {response.status}")
        rows.append(Row(GROUP, name, round(median(taken_ms), 2), "ms", settings=kind.settings))
    return rows
