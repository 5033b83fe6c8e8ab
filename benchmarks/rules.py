"""Measure decisions with the default rule set and with twenty more rules, on the same accounts."""

from __future__ import annotations

from uuid import uuid4

from benchmarks.load import Measured
from benchmarks.rows import Row
from benchmarks.stand import Api, Effort, Stand, middle
from txplatform.database import Database
from txplatform.domain.activity import VelocityScope
from txplatform.domain.cause import OperatorCause
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rules.cash_like import CashLike
from txplatform.domain.rules.category_lists import CategoryDeny
from txplatform.domain.rules.country_lists import CountryDeny
from txplatform.domain.rules.merchant_deny import MerchantDeny
from txplatform.domain.rules.new_country import NewCountry
from txplatform.domain.rules.velocity import VelocityAmount, VelocityCount
from txplatform.domain.rulesets import DEFAULT_RULESET, RuleSet
from txplatform.eventstore.log import last_position
from txplatform.rulebook.in_force import MAX_AGE_S
from txplatform.rulebook.store import activate, add_ruleset

GROUP = "rules"
ALWAYS_ON = "decisions, the rules that are always on"
TWENTY = "decisions, 20 more rules, 5 of them velocity windows"
CONNECTIONS = 128
ACCOUNTS = 1000
_AUTHOR = OperatorCause("benchmark")


def twenty_rules(most: int) -> RuleSet:
    """Return a rule set with twenty rules of the usual kinds.

    Args:
        most: The number of purchases of 100 minor units that the velocity windows allow.
    """
    return RuleSet(
        "bench",
        1,
        rules=(
            VelocityCount(60, most, VelocityScope.MERCHANT),
            VelocityCount(24 * 60, 4 * most),
            VelocityCount(7 * 24 * 60, 16 * most),
            VelocityAmount(24 * 60, 150 * most),
            VelocityAmount(30 * 24 * 60, 200 * most, VelocityScope.CATEGORY),
            CountryDeny(("IRN", "PRK")),
            CountryDeny(("SYR",)),
            NewCountry(20_000, ("GBR",)),
            NewCountry(30_000),
            CategoryDeny(("7800-7802",)),
            CategoryDeny(("7995",)),
            CategoryDeny(("5993",)),
            MerchantDeny(("m-666",)),
            MerchantDeny(("m-667", "m-668")),
            AmountLimit(250_000),
            AmountLimit(200_000, "GBP"),
            AmountLimit(150_000, "EUR"),
            AmountLimit(9_000, "USD"),
            CashLike(30_000),
            CashLike(20_000, currency="USD"),
        ),
    )


def measure(effort: Effort) -> list[Row]:
    """Alternate between two rule sets; both approve every purchase, so both record equally much."""
    rulesets = (DEFAULT_RULESET, twenty_rules(10_000))
    with Stand() as stand:
        stand.open_accounts(ACCOUNTS)
        with stand.database.connect() as connection:
            add_ruleset(connection, rulesets[1], by=_AUTHOR)
        with stand.api() as api:
            runs = [
                tuple(_run(stand, api, ruleset, effort.seconds) for ruleset in rulesets)
                for _ in range(effort.rounds)
            ]
    return [
        middle(GROUP, name, measured, connections=CONNECTIONS, accounts=ACCOUNTS)
        for name, measured in zip((ALWAYS_ON, TWENTY), zip(*runs, strict=True), strict=True)
    ]


def _run(stand: Stand, api: Api, ruleset: RuleSet, seconds: float) -> Measured:
    with stand.database.connect() as connection:
        activate(connection, uuid4().hex, ruleset.id, reason="benchmark", by=_AUTHOR)

    def load(seconds: float) -> Measured:
        return stand.load(api, connections=CONNECTIONS, accounts=ACCOUNTS, seconds=seconds)

    load(2 * MAX_AGE_S)
    with stand.database.connect() as connection:
        before = last_position(connection)
    measured = load(seconds)
    _check_approved(stand.database, before, ruleset)
    return measured


def _check_approved(database: Database, after: int, ruleset: RuleSet) -> None:
    with database.connect() as connection:
        row = connection.execute(
            "SELECT count(*) FROM events WHERE position > %s AND (topic <> 'authorization-approved'"
            " OR strpos(convert_from(state, 'UTF8'), %s) = 0)",
            (after, f'"ruleset":"{ruleset.id}"'),
        ).fetchone()
    if row != (0,):
        raise RuntimeError(f"not everything was approved by {ruleset.id}: {row}")
