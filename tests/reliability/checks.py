"""Invariants I1 to I8, checked against what was sent, answered, stored and published.

A check returns what it found wrong, one text for each fault; nothing if the invariant holds. The
sums are made here, from the requests and responses, and share no code with the platform.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from harness.histories import read_whole_log
from harness.inbound import PRESENTED, SUBMITTED
from harness.processes import run_command
from harness.published import decided, deduped, read_topic
from reliability.installation import Installation
from reliability.load import ACCOUNTS, CREDIT_LIMIT, Load
from txplatform.database import Database
from txplatform.domain.events import (
    AccountEvent,
    AuthorizationApproved,
    AuthorizationDeclined,
    PaymentReceived,
    PaymentReturned,
    PurchaseCleared,
)
from txplatform.domain.ids import TransactionId, account_of

_ASKED_AGAIN = 100
_Kind = TypeVar("_Kind", bound=AccountEvent)


@dataclass(frozen=True)
class Evidence:
    """What is left after a trial: the load, and the log of the installation."""

    installation: Installation
    load: Load

    @cached_property
    def events(self) -> dict[str, list[AccountEvent]]:
        """The events of each account, by version."""
        events: dict[str, list[AccountEvent]] = defaultdict(list)
        with Database(self.installation.database.service_url).connect() as connection:
            for logged in read_whole_log(connection):
                events[account_of(logged.event.originator_id)].append(logged.event)
        return {
            account_id: sorted(own, key=lambda event: event.originator_version)
            for account_id, own in events.items()
        }

    def all_of(self, kind: type[_Kind]) -> Iterator[_Kind]:
        """Yield all events of a class."""
        for own in self.events.values():
            yield from (event for event in own if isinstance(event, kind))

    @property
    def decisions(self) -> list[AuthorizationApproved | AuthorizationDeclined]:
        """All decisions on purchases."""
        return [*self.all_of(AuthorizationApproved), *self.all_of(AuthorizationDeclined)]

    @property
    def url(self) -> str:
        """The URL of an API."""
        return self.installation.apis[0].url


def i1_replay_gives_the_same_numbers(evidence: Evidence) -> list[str]:
    """`txplatform verify` compares replay, snapshots, read models and repeated decisions."""
    code, out, errors = run_command("verify", env=evidence.installation.env)
    return [] if code == 0 else [out + errors]


def i2_money_is_conserved(evidence: Evidence) -> list[str]:
    """Each balance is the sum of what was approved, cleared, paid and returned."""
    load = evidence.load
    posted, pending = Counter[str](), Counter[str]()
    for answer in load.answers.values():
        if answer["decision"] == "approved":
            pending[answer["account_id"]] += answer["amount"]
    for topic, body in load.sent.values():
        posted[body["account_id"]] += -body["amount"] if topic == SUBMITTED else body["amount"]
        if topic == PRESENTED:
            pending[body["account_id"]] -= body["amount"]
    found = []
    with load.client() as client:
        for account_id in ACCOUNTS:
            balance = client.get(f"{evidence.url}/v1/accounts/{account_id}/balance").json()
            held = {name: balance[name] for name in ("posted", "pending", "available")}
            available = CREDIT_LIMIT - posted[account_id] - pending[account_id]
            right = {
                "posted": posted[account_id],
                "pending": pending[account_id],
                "available": available,
            }
            if held != right:
                found.append(f"{account_id} has {held} instead of {right}")
    return found


def i3_each_key_has_one_effect(evidence: Evidence) -> list[str]:
    """No purchase is decided twice, and no message posted twice, whatever was repeated."""
    return [
        f"{name} has {count} effects" for name, count in _effects(evidence).items() if count > 1
    ]


def i4_each_response_is_durable(evidence: Evidence) -> list[str]:
    """Every response is in the log, and the same request gets the same response again."""
    load, conditions = evidence.load, evidence.installation.conditions
    stored = {event.purchase.transaction_id: event.event_id for event in evidence.decisions}
    found = [
        f"{transaction_id} was answered, and is not in the log"
        for transaction_id, answer in load.answers.items()
        if stored.get(TransactionId(transaction_id)) != answer["event_id"]
    ]
    some = random.Random(1).sample(sorted(load.bodies), min(_ASKED_AGAIN, len(load.bodies)))
    with load.client() as client:
        found += [
            f"{transaction_id} was answered otherwise before"
            for transaction_id in some
            if not conditions.repeats(
                load.bodies[transaction_id], load.ask(client, load.asked[transaction_id])
            )
        ]
    return found + load.refused


def i5_published_is_the_log(evidence: Evidence) -> list[str]:
    """The published decisions, deduplicated, are those of the log, in order of each account."""
    kafka = evidence.installation.infrastructure.kafka
    published, logged = (
        deduped(read_topic(kafka.bootstrap)),
        decided(evidence.installation.database),
    )
    return [
        f"{account_id}: published {len(published.get(account_id, ()))} of"
        f" {len(logged.get(account_id, ()))} decisions, or in another order"
        for account_id in published.keys() | logged.keys()
        if published.get(account_id) != logged.get(account_id)
    ]


def i6_no_approval_exceeds_the_credit(evidence: Evidence) -> list[str]:
    """At the version of each approval, posted and pending are within the limit."""
    found = []
    for account_id, events in evidence.events.items():
        used = 0
        for event in events:
            match event:
                case AuthorizationApproved():
                    used += event.held
                    if used > CREDIT_LIMIT:
                        found.append(
                            f"{account_id} is over its limit at {event.originator_version}"
                        )
                case PaymentReceived():
                    used -= event.payment.amount
                case PaymentReturned():
                    used += event.payment_return.amount
                case PurchaseCleared():
                    used += event.clearing.amount - event.released
                case _:
                    pass
    return found


def i7_versions_are_contiguous(evidence: Evidence) -> list[str]:
    """An account's versions are 1, 2, 3, … without a gap."""
    return [
        f"{account_id} has a gap between its versions"
        for account_id, events in evidence.events.items()
        if [event.originator_version for event in events] != [*range(1, len(events) + 1)]
    ]


def lags(installation: Installation, load: Load) -> list[str]:
    """Return what is not followed yet, for invariant I8."""
    found = [f"{url}: {reason}" for url, reason in installation.unready().items()]
    ((received,),) = installation.execute("SELECT count(*) FROM inbound_messages")
    assert isinstance(received, int)
    if received < load.messages:
        found.append(f"{received} of {load.messages} messages are applied")
    behind = installation.execute(
        "SELECT name FROM checkpoints WHERE position < CASE name"
        " WHEN 'publisher:parked-messages' THEN"
        " (SELECT coalesce(max(parked_number), 0) FROM inbound_messages)"
        " ELSE (SELECT max(position) FROM events) END"
    )
    return found + [f"{name} is behind" for (name,) in behind]


CHECKS: tuple[Callable[[Evidence], list[str]], ...] = (
    i1_replay_gives_the_same_numbers,
    i2_money_is_conserved,
    i3_each_key_has_one_effect,
    i4_each_response_is_durable,
    i5_published_is_the_log,
    i6_no_approval_exceeds_the_credit,
    i7_versions_are_contiguous,
)


def lost(evidence: Evidence) -> int:
    """Return the number of answered purchases and acknowledged messages without effect."""
    effects = _effects(evidence)
    return sum(name not in effects for name in (*evidence.load.answers, *evidence.load.sent))


def doubled(evidence: Evidence) -> int:
    """Return the number of effects beyond the first of each purchase and message."""
    return sum(count - 1 for count in _effects(evidence).values())


def _effects(evidence: Evidence) -> Counter[str]:
    """Return the number of effects of each purchase and message, named as the load names them."""
    return Counter(
        [
            *(event.purchase.transaction_id for event in evidence.decisions),
            *(event.payment.payment_id for event in evidence.all_of(PaymentReceived)),
            *(
                f"return of {event.payment_return.payment_id}"
                for event in evidence.all_of(PaymentReturned)
            ),
            *(event.clearing.clearing_id for event in evidence.all_of(PurchaseCleared)),
        ]
    )
