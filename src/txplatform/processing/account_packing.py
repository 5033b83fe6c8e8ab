"""An account in as few bytes as its state takes, for the memory of this process alone.

What is stored for ever has a form of its own, which does not change with Python's: see
`eventstore/snapshot.py`. An account that has what few have is packed in that form.
"""

from __future__ import annotations

import marshal
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import orjson

from txplatform.domain.account import Account, Hold
from txplatform.domain.activity import Activity
from txplatform.domain.ids import TransactionId, account_stream
from txplatform.domain.status import AccountStatus
from txplatform.eventstore.snapshot import account_state, restore_account

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_HEADS, _COLUMNS = 2, 6
"""Of the state of an `Activity`."""


def pack_account(account: Account) -> bytes:
    """The account's whole state."""
    # Copied, since what `dumps` gives lies in a larger buffer that was cut, and fragments memory.
    return bytes(memoryview(marshal.dumps(_state(account))))


def unpack_account(packed: bytes) -> Account:
    """The account that was packed."""
    account_id, version, *state = marshal.loads(packed)  # noqa: S302  # our own memory
    if len(state) == 1:
        return restore_account(account_stream(account_id), version, orjson.loads(state[0]))
    account = Account.unopened(account_id)
    account.version = version
    (
        account.currency,
        account.credit_limit,
        account.limit_version,
        account.status_version,
        account.posted,
        account.pending,
        holds,
        activity,
    ) = state
    if holds:
        account.holds = _holds(holds)
    if activity:
        account.activity = _activity(activity)
    return account


def _state(account: Account) -> tuple[Any, ...]:
    if _has_what_few_have(account):
        return account.account_id, account.version, orjson.dumps(account_state(account))
    return (
        account.account_id,
        account.version,
        account.currency,
        account.credit_limit,
        account.limit_version,
        account.status_version,
        account.posted,
        account.pending,
        _flat_holds(account.holds),
        _flat_activity(account.activity),
    )


def _has_what_few_have(account: Account) -> bool:
    return bool(
        account.waiting
        or account.controls.rules
        or account.team_status is not AccountStatus.ACTIVE
        or account.operator_status is not AccountStatus.ACTIVE
    )


def _flat_holds(holds: dict[TransactionId, Hold]) -> tuple[Any, ...]:
    """Transaction, amount and end of each; a time in microseconds."""
    return tuple(
        value
        for transaction_id, (amount, ends) in holds.items()
        for value in (
            transaction_id,
            amount,
            None if ends is None else (ends - _EPOCH) // _MICROSECOND,
        )
    )


def _holds(flat: tuple[Any, ...]) -> dict[TransactionId, Hold]:
    each = iter(flat)
    return {
        transaction_id: (amount, None if ends is None else _EPOCH + ends * _MICROSECOND)
        for transaction_id, amount, ends in zip(each, each, each, strict=True)
    }


def _flat_activity(activity: Activity) -> tuple[Any, ...]:
    """Its state row by row: that takes less room than a list for each column."""
    if not (state := activity.state()):
        return ()
    *heads, minutes, counts, amounts, categories, merchants, countries = state
    rows = zip(minutes, counts, amounts, categories, merchants, countries, strict=True)
    return (*heads, *chain.from_iterable(rows))


def _activity(flat: tuple[Any, ...]) -> Activity:
    heads, rows = flat[:_HEADS], flat[_HEADS:]
    return Activity.from_state([*heads, *(rows[column::_COLUMNS] for column in range(_COLUMNS))])
