"""A snapshot: an account's state at one version, so that a replay need not begin at 1.

The name it is stored under carries the shape of the state. A snapshot of another shape is
not looked at; the account is folded from its events and snapshotted anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self, get_args

import msgspec
from eventsourcing.domain import CanSnapshotAggregate

from txplatform.domain.account import Account
from txplatform.domain.activity import Activity
from txplatform.domain.advices import WaitingMessage
from txplatform.domain.ids import account_of
from txplatform.domain.rulesets import controls_of
from txplatform.domain.status import AccountStatus

SNAPSHOT_TOPIC = "account@4"
"""Raise the number whenever `AccountSnapshot.take` stores something else than before."""

_WAITING_KINDS: dict[str, type] = {cls.__name__: cls for cls in get_args(WaitingMessage)}


_NUMBERS: dict[str, int | str | None] = {
    "currency": None,
    "credit_limit": 0,
    "limit_version": 0,
    "posted": 0,
    "pending": 0,
    "status_version": 0,
}
"""The plain values of an account, each with what it is before the first event."""
_STATUSES = ("operator_status", "team_status")


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
        return restore_account(self.originator_id, self.originator_version, self.state)


def account_state(account: Account) -> dict[str, Any]:
    """Everything that an account's events add up to; equal states mean equal accounts (I1).

    What is as it was before the first event is left out, so that many accounts fit in memory.
    """
    state: dict[str, Any] = {}
    for name, before in _NUMBERS.items():
        value = getattr(account, name)
        if value != before:
            state[name] = value
    for name in _STATUSES:
        status = getattr(account, name)
        if status is not AccountStatus.ACTIVE:
            state[name] = status
    if account.holds:
        state["holds"] = account.holds
    if activity := account.activity.state():
        state["activity"] = activity
    if account.controls.rules:
        state["controls"] = account.controls.stored
    if account.waiting:
        state["waiting"] = [
            {"kind": type(message).__name__, "message": message}
            for message in account.waiting.values()
        ]
    return state


def snapshot_due(account: Account, version: int, every: int) -> bool:
    """Whether an account that has come to this version is to be snapshotted.

    That is after `every` events; for an account with more holds than that, after a number that
    grows with them, so that the work stays in proportion to the events.
    """
    interval = every
    while interval < len(account.holds):
        interval *= 2
    return version % interval == 0


def restore_account(stream: str, version: int, state: dict[str, Any]) -> Account:
    """The account whose state this is."""
    account = Account.unopened(account_of(stream))
    account.version = version
    for name in _NUMBERS.keys() & state.keys():
        setattr(account, name, state[name])
    for name in _STATUSES:
        if name in state:
            setattr(account, name, AccountStatus(state[name]))
    for transaction_id, (amount, expires_at) in state.get("holds", {}).items():
        ends = None if expires_at is None else datetime.fromisoformat(expires_at)
        account.holds[transaction_id] = (amount, ends)
    if "activity" in state:
        account.activity = Activity.from_state(state["activity"])
    if "controls" in state:
        account.controls = controls_of(state["controls"])
    for waiting in state.get("waiting", ()):
        message: WaitingMessage = msgspec.convert(
            waiting["message"], _WAITING_KINDS[waiting["kind"]]
        )
        account.waiting[message.key] = message
    return account
