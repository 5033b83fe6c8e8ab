"""A snapshot: an account's state at one version, so that a replay need not begin at 1.

The name it is stored under carries the shape of the state. A snapshot of another shape is
not looked at; the account is folded from its events and snapshotted anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from eventsourcing.domain import CanSnapshotAggregate

from txplatform.domain.account import Account
from txplatform.domain.events import business_key
from txplatform.domain.facts import LimitChange, Payment, PaymentReturn
from txplatform.domain.ids import account_of
from txplatform.eventstore.revival import reviver_for

SNAPSHOT_TOPIC = "account@1"
"""Raise the number whenever `AccountSnapshot.take` stores something else than before."""

_WAITING_KINDS: dict[str, type[Payment | PaymentReturn | LimitChange]] = {
    cls.__name__: cls for cls in (Payment, PaymentReturn, LimitChange)
}


@dataclass(frozen=True)
class AccountSnapshot(CanSnapshotAggregate[str]):
    """An account's state at one version."""

    TOPIC: ClassVar[str] = SNAPSHOT_TOPIC

    originator_id: str
    originator_version: int
    topic: str
    state: dict[str, Any]

    @staticmethod
    def is_current(topic: str) -> bool:
        """Whether a snapshot stored under this name has this version's shape."""
        return topic == SNAPSHOT_TOPIC

    @classmethod
    def take(cls, aggregate: Account) -> Self:  # type: ignore[override]  # we have one aggregate
        """The account as it is now."""
        return cls(
            originator_id=aggregate.id,
            originator_version=aggregate.version,
            topic=SNAPSHOT_TOPIC,
            state=account_state(aggregate),
        )

    def mutate(self, _: None) -> Account:
        """The account as it was."""
        account = Account.unopened(account_of(self.originator_id))
        account.version = self.originator_version
        account.currency = self.state["currency"]
        account.credit_limit = self.state["credit_limit"]
        account.limit_version = self.state["limit_version"]
        account.posted = self.state["posted"]
        account.pending = self.state["pending"]
        for waiting in self.state["waiting"]:
            kind: type = _WAITING_KINDS[waiting["kind"]]
            revive = reviver_for(kind)
            assert revive is not None
            message = revive(dict(waiting["message"]))
            account.waiting[business_key(message)] = message
        return account


def account_state(account: Account) -> dict[str, Any]:
    """Everything that an account's events add up to; equal states mean equal accounts (I1)."""
    return {
        "currency": account.currency,
        "credit_limit": account.credit_limit,
        "limit_version": account.limit_version,
        "posted": account.posted,
        "pending": account.pending,
        "waiting": [
            {"kind": type(message).__name__, "message": message}
            for message in account.waiting.values()
        ],
    }
