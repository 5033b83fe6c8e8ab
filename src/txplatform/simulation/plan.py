"""The plan of the simulated year: the purchases and messages to send on each day.

The plan is a pure function of the run number. Each run has a year of its own, later than the one
before, on the same weekdays. Purchases and refunds are real: each purchase is
authorized on the day the card was used, and presented on the day it was posted. The rest is
invented:

- Each account is opened by a message, pays for a month's purchases at the beginning of the next
  month, and gets a new limit in October.
- Some messages are sent twice, some out of order, and some payments are returned.
- Some clearings are corrected, hotels authorize more than they clear, and some amounts are mistyped
  at first.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from txplatform.simulation.barnet import CARDS, LIMITS_MINOR, RealRow, real_rows
from txplatform.simulation.network import CURRENCY, account_id, authorization_requests, presentments

OPENED = "accounts.account-opened.v1"
LIMIT_CHANGED = "accounts.credit-limit-changed.v1"
SUBMITTED = "payments.payment-submitted.v1"
RETURNED = "payments.payment-returned.v1"
PRESENTED = "settlement.presentment-received.v1"

EVERY_COPIED = 7
"""Every 7th payment message is sent twice."""
EVERY_RETURNED = 19
"""Every 19th payment is returned. Every second return is sent before its payment."""
EVERY_EARLY = 10
"""Every 10th card pays before its account is opened."""
EARLY_PAYMENT = 5_000
NEW_LIMITS_MONTH = 10

YEAR = timedelta(weeks=53)
"""The time from one year's first day to the next; longer than a year with its last postings."""


@dataclass(frozen=True, slots=True)
class Message:
    """A Kafka message: its topic and its body as JSON."""

    topic: str
    body: dict[str, Any]

    @property
    def key(self) -> str:
        """The account id, taken from the body."""
        return str(self.body["account_id"])


@dataclass(slots=True)
class Day:
    """The messages of one day, and the purchases to send after them."""

    date: date
    messages: list[Message] = field(default_factory=list)
    purchases: list[dict[str, Any]] = field(default_factory=list)


def plan(year: int) -> Iterator[Day]:
    """Yield the days of the year on which anything is sent.

    Args:
        year: The simulated year, from 1, one for each run; part of every id.
    """
    used: dict[date, list[RealRow]] = defaultdict(list)
    posted: dict[date, list[RealRow]] = defaultdict(list)
    shift = (year - 1) * YEAR
    for real in real_rows():
        row = replace(real, day=real.day + shift, posted=real.posted + shift)
        used[row.day].append(row)
        posted[row.posted].append(row)
    paid_for: dict[int, int] = defaultdict(int)
    opening_day = min(used) - timedelta(days=1)
    yield Day(opening_day, _openings(year, opening_day))
    month, payments, limits_changed = opening_day.month, 0, False
    new_limits_from = date(opening_day.year, NEW_LIMITS_MONTH, 1)
    for day in sorted(used.keys() | posted.keys()):
        today = Day(day)
        if day.month != month:
            month = day.month
            for card, amount in sorted(paid_for.items()):
                payments += 1
                today.messages += _payment(year, payments, card, amount, day)
            paid_for.clear()
        if not limits_changed and day >= new_limits_from:
            limits_changed = True
            today.messages += _new_limits(year, day)
        for row in posted[day]:
            today.messages += [Message(PRESENTED, body) for body in presentments(year, row)]
        for row in used[day]:
            paid_for[row.card] += max(0, row.amount)
            today.purchases += authorization_requests(year, row)
        yield today


def _openings(year: int, day: date) -> list[Message]:
    messages = []
    for card in range(CARDS):
        if card % EVERY_EARLY == 0:
            early = _payment_body(year, f"early{card:02d}", card, EARLY_PAYMENT, day)
            messages.append(Message(SUBMITTED, early))
        opening = {
            "account_id": account_id(year, card),
            "currency": CURRENCY,
            "credit_limit": LIMITS_MINOR[card % len(LIMITS_MINOR)],
            "opened_at": f"{day}T08:00:00Z",
        }
        messages.append(Message(OPENED, opening))
    return messages


def _payment(year: int, number: int, card: int, amount: int, day: date) -> list[Message]:
    body = _payment_body(year, f"{number:05d}", card, amount, day)
    messages = [Message(SUBMITTED, body)]
    if number % EVERY_COPIED == 0:
        messages.append(Message(SUBMITTED, body))
    if number % EVERY_RETURNED == 0:
        returned = {key: body[key] for key in ("payment_id", "account_id", "amount", "currency")}
        returned |= {"reason": "insufficient_funds", "returned_at": f"{day}T11:00:00Z"}
        before = number % (2 * EVERY_RETURNED) == 0
        messages.insert(0 if before else len(messages), Message(RETURNED, returned))
    return messages


def _payment_body(year: int, name: str, card: int, amount: int, day: date) -> dict[str, Any]:
    return {
        "payment_id": f"barnet-y{year}-pay-{name}",
        "account_id": account_id(year, card),
        "amount": amount,
        "currency": CURRENCY,
        "submitted_at": f"{day}T09:00:00Z",
    }


def _new_limits(year: int, day: date) -> list[Message]:
    """Return two messages per card: the limit raised by half, then a stale one (lower version)."""
    messages = []
    for card in range(CARDS):
        before = LIMITS_MINOR[card % len(LIMITS_MINOR)]
        for version, limit in ((2, before * 3 // 2), (1, before * 2)):
            body = {
                "account_id": account_id(year, card),
                "credit_limit": limit,
                "currency": CURRENCY,
                "limit_version": version,
                "effective_at": f"{day}T00:00:00Z",
            }
            messages.append(Message(LIMIT_CHANGED, body))
    return messages
