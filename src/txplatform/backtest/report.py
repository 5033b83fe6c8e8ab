"""Prepare a backtest's result for the terminal, JSON and the HTML page."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from txplatform.backtest.run import Result
from txplatform.backtest.tally import (
    CATEGORY,
    COUNTRY,
    INCREMENTS,
    MONTH,
    NOT_POSTED,
    REASON,
    RULE,
    RULESET,
    TOTAL,
    ChangedDecision,
    Tally,
)
from txplatform.contracts.encoding import rfc3339, rfc3339_or_none
from txplatform.contracts.rulesets import content_hash
from txplatform.domain.currencies import format_money

_IN_ORDER_OF_NAME = (MONTH, RULESET)
_ONLY_CHANGES = (RULE, REASON, INCREMENTS)

TITLES = {
    RULE: "By refusing rule of the candidate",
    REASON: "By reason",
    CATEGORY: "By merchant category",
    COUNTRY: "By country",
    MONTH: "By month (UTC)",
    RULESET: "By recorded rule set",
}
"""The dimensions by which changes are counted, in the order of the report."""


@dataclass(frozen=True, slots=True)
class Count:
    """A number of decisions, and the sum of their amounts in minor units."""

    count: int
    amount: int


@dataclass(frozen=True, slots=True)
class Group:
    """The evaluated decisions of one group, such as a month, in one currency.

    Attributes:
        approved: Decisions approved in the log.
        newly_declined: Decisions approved in the log, but declined by the candidate rule set.
        newly_approved: Decisions declined in the log, but approved by the candidate rule set.
    """

    name: str
    currency: str
    judged: Count
    approved: Count
    newly_declined: Count
    newly_approved: Count

    @property
    def changed(self) -> int:
        """The number of newly declined and newly approved decisions."""
        return self.newly_declined.count + self.newly_approved.count


def groups(tally: Tally, by: str) -> list[Group]:
    """Return the groups of one dimension, such as `MONTH`.

    Months and rule sets are sorted by name, other groups by the number of changed decisions.
    """
    found = [
        Group(name, currency, *(Count(*line[at : at + 2]) for at in range(0, 8, 2)))
        for (kind, name, currency), line in tally.lines.items()
        if kind == by
    ]
    if by in _IN_ORDER_OF_NAME:
        return sorted(found, key=lambda group: (group.name, group.currency))
    return sorted(
        found, key=lambda group: (-group.changed, -group.judged.count, group.name, group.currency)
    )


def largest(tally: Tally) -> list[ChangedDecision]:
    """Return each currency's largest changed decisions, in descending order of amount.

    The currency with the most changed decisions comes first.
    """
    heaps = sorted(tally.largest.items(), key=lambda item: (-len(item[1]), item[0]))
    return [change for _, heap in heaps for change in sorted(heap, reverse=True)]


def per_second(result: Result) -> int:
    """Return the number of decisions evaluated per second."""
    return round(result.tally.judged / max(result.seconds, 0.001))


def notes(result: Result) -> list[str]:
    """Return sentences with the figures that the tables omit."""
    tally = result.tally
    sentences = []
    if result.since is not None:
        day = f"{result.since:%Y-%m-%d %H:%M}"
        sentences.append(f"{tally.recorded:,} decisions before {day} UTC stay as recorded.")
    if tally.other_reasons:
        sentences.append(f"{tally.other_reasons:,} are still declined, for other reasons.")
    sentences += [
        f"Increments in {group.currency}: {group.newly_declined.count:,} newly declined, "
        f"{group.newly_approved.count:,} newly approved."
        for group in groups(tally, INCREMENTS)
    ]
    sentences += [
        f"{format_money(group.newly_declined.amount, group.currency)}, net of refunds, were "
        "posted for purchases that are newly declined."
        for group in groups(tally, NOT_POSTED)
    ]
    return sentences


def as_json(result: Result) -> str:
    """Return the result as JSON. orjson is not used, because sums may need more than 64 bits."""
    tally = result.tally
    report = {
        "candidate": {
            "id": result.candidate.id,
            "description": result.candidate.description,
            "content_hash": content_hash(result.candidate),
        },
        "since": rfc3339_or_none(result.since),
        "log_position": result.log_position,
        "accounts": tally.accounts,
        "events": tally.events,
        "judged": tally.judged,
        "before_since": tally.recorded,
        "seconds": round(result.seconds, 3),
        "decisions_per_second": per_second(result),
        "processes": result.processes,
        "changed": sum(group.changed for group in groups(tally, TOTAL)),
        "declined_for_other_reasons": tally.other_reasons,
        "totals": _groups_as_json(tally, TOTAL),
        **{f"by_{by}": _groups_as_json(tally, by) for by in TITLES},
        "increments": _groups_as_json(tally, INCREMENTS),
        "not_posted": [
            {"currency": group.currency, **asdict(group.newly_declined)}
            for group in groups(tally, NOT_POSTED)
        ],
        "largest": [_change_as_json(change) for change in largest(tally)],
    }
    return json.dumps(report)


def _groups_as_json(tally: Tally, by: str) -> list[dict[str, Any]]:
    written = []
    for group in groups(tally, by):
        value = asdict(group)
        if by in (TOTAL, INCREMENTS):
            del value["name"]
        if by in _ONLY_CHANGES:
            del value["judged"], value["approved"]
        written.append(value)
    return written


def _change_as_json(change: ChangedDecision) -> dict[str, Any]:
    recorded, purchase = change.recorded, change.recorded.purchase
    return {
        "event_id": recorded.event_id,
        "account_id": change.account_id,
        "account_version": change.version,
        "transaction_id": purchase.transaction_id,
        "decided_at": rfc3339(recorded.timestamp),
        "amount": purchase.amount,
        "currency": purchase.currency,
        "merchant": asdict(purchase.merchant),
        "decision": "approved" if change.approved else "declined",
        "reasons": [reason.code for reason in change.reasons],
        "messages": [reason.message for reason in change.reasons],
        "rules": change.rules,
    }
