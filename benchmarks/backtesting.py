"""Measure backtests with the default rule set and with 20 more rules."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from uuid import uuid4

from benchmarks.rows import Row
from benchmarks.rules import twenty_rules
from benchmarks.stand import ORIGIN, Effort, Stand, opening
from txplatform.backtest.run import backtest, cores
from txplatform.database import Database
from txplatform.domain.account import DecisionContext
from txplatform.domain.ids import AccountId, TransactionId, account_stream
from txplatform.domain.requests import Merchant, Purchase
from txplatform.domain.rulesets import DEFAULT_RULESET, RuleSet
from txplatform.eventstore.query import run_queries
from txplatform.processing.unit_of_work import UnitOfWork

GROUP = "backtest"
ALWAYS_ON = "past decisions, the rules that are always on"
TWENTY = "past decisions, 20 more rules, 5 of them velocity windows"
PURCHASES = 100
"""Purchases of each account, five a day."""
_APART = timedelta(hours=4.8)
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_AT_ONCE = 50
_SHOPS = [
    Merchant(f"m-{number}", f"Shop {number}", f"{5_900 + number % 40}", country)
    for number, country in enumerate(["GBR"] * 20 + ["FRA", "USA", "ESP"])
]

TWENTY_RULES = twenty_rules(400)
"""The velocity windows of this rule set decline some of the purchases."""


def measure(effort: Effort, accounts: int = 2_000) -> list[Row]:
    """Record purchases under the default rule set, then backtest them on all cores."""
    with Stand() as stand:
        for first in range(0, accounts, _AT_ONCE):
            _record(stand.database, range(first, min(accounts, first + _AT_ONCE)))
        return [
            Row(
                GROUP,
                name,
                round(median(_per_second(stand.database, ruleset) for _ in range(effort.rounds))),
                "decisions/s",
                settings={"accounts": accounts, "history": PURCHASES, "processes": cores()},
            )
            for name, ruleset in ((ALWAYS_ON, DEFAULT_RULESET), (TWENTY, TWENTY_RULES))
        ]


def _per_second(database: Database, ruleset: RuleSet) -> float:
    result = backtest(database, ruleset)
    return result.tally.judged / result.seconds


def _record(database: Database, numbers: range) -> None:
    work = UnitOfWork()
    for number in numbers:
        account = f"bench-{number}"
        stream = account_stream(AccountId(account))
        work.execute(stream, opening(account), _stamp(_BEGIN))
        for at, purchase in _purchases(account, number):
            work.execute(stream, purchase, _stamp(at))
    with database.connect() as connection:
        run_queries(connection, work.append())
        if work.conflicts:
            raise RuntimeError("conflict in the benchmark's own accounts")


def _purchases(account: str, number: int) -> Iterator[tuple[datetime, Purchase]]:
    for nth in range(PURCHASES):
        shop = _SHOPS[(number + nth * nth) % len(_SHOPS)]
        amount = 100 + (number * 7919 + nth * 104_729) % 10_000
        transaction = TransactionId(f"{account}-t{nth}")
        yield _BEGIN + nth * _APART, Purchase(transaction, AccountId(account), amount, "USD", shop)


def _stamp(at: datetime) -> DecisionContext:
    return DecisionContext(at, lambda: uuid4().hex, ORIGIN)
