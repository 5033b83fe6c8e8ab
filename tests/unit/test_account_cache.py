"""The account cache: its capacity, its eviction order, and packed accounts."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.commands import ACCOUNT, NOW, limit_change, opening, payment, payment_return, purchase
from harness.streams import Stream
from txplatform.domain.account import Account
from txplatform.domain.advices import StatusChange
from txplatform.domain.commands import Command
from txplatform.domain.ids import AccountId, TransactionId
from txplatform.domain.money import MAX_AMOUNT
from txplatform.domain.requests import ControlsChange, Merchant, OperatorStatus
from txplatform.domain.status import AccountStatus
from txplatform.eventstore.snapshot import account_state, decode_account, encode_account, shape_of
from txplatform.processing.account_cache import AccountCache, pack_account, unpack_account

ONE_LIMIT = ({"rule": "amount_limit", "max_amount": 50},)


def _account(number: int) -> Account:
    account = Account.unopened(AccountId(f"a{number}"))
    account.version = number + 1
    account.posted = 100 * number
    return account


def test_the_cache_never_holds_more_than_its_capacity() -> None:
    for capacity, unpacked in ((1, 1), (3, 3), (3, 1), (10, 2), (10, 100)):
        cache = AccountCache(capacity, unpacked)
        for number in range(200):
            cache.keep([_account(number)])
            assert len(cache) <= capacity


def test_as_many_accounts_as_fit_stay_cached_in_any_order_of_use() -> None:
    cache, chance = AccountCache(100, unpacked=10), random.Random(5)
    cache.keep(_account(number) for number in range(100))
    for _ in range(5000):
        number = chance.randrange(100)
        account = cache.take(f"account-a{number}")
        assert account is not None
        assert account.version == number + 1
        cache.keep([account])
        assert len(cache) == 100


def test_the_most_recently_used_accounts_stay_if_not_all_fit() -> None:
    """Packed accounts are evicted by generation, so up to an eighth of them may be missing."""
    cache = AccountCache(100, unpacked=10)
    for number in range(1000):
        cache.keep([_account(number)])
    assert len(cache) == 100
    for number in range(912, 1000):
        assert cache.take(f"account-a{number}") is not None


def test_an_account_with_the_same_hash_as_another_is_not_returned_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Such accounts are dropped from the cache and read again."""
    monkeypatch.setattr("txplatform.processing.account_cache.hash", lambda _: 7, raising=False)
    cache = AccountCache(10, unpacked=1)
    cache.keep([_account(1), _account(2), _account(3)])
    assert cache.take("account-a1") is None
    assert cache.take("account-a2") is None


@given(
    st.lists(
        st.tuples(st.integers(1, MAX_AMOUNT), st.none() | st.datetimes(timezones=st.just(UTC))),
        max_size=4,
    )
)
def test_the_end_of_a_hold_is_packed_to_the_microsecond(
    holds: list[tuple[int, datetime | None]],
) -> None:
    account = _account(1)
    for number, (amount, ends) in enumerate(holds):
        account.hold(TransactionId(f"t{number}"), amount, ends)
    packed = unpack_account(pack_account(account))
    assert packed.holds == account.holds
    assert packed.pending == account.pending


def test_the_least_recently_used_account_is_dropped() -> None:
    """Taking and keeping an account counts as a use."""
    cache = AccountCache(2)
    cache.keep([_account(1), _account(2)])
    first = cache.take("account-a1")
    assert first is not None
    cache.keep([first])
    cache.keep([_account(3)])
    assert cache.take("account-a2") is None
    assert cache.take("account-a1") is first


def test_a_packed_account_is_returned_unchanged() -> None:
    cache = AccountCache(11, unpacked=1)
    cache.keep([_account(1), _account(2)])
    packed = cache.take("account-a1")
    assert packed is not None
    assert packed.id == "account-a1"
    assert packed.version == 2
    assert account_state(packed) == account_state(_account(1))


def test_a_taken_account_is_no_longer_cached() -> None:
    """A decision changes it, and only committed accounts may be cached."""
    cache = AccountCache(12, unpacked=2)
    cache.keep([_account(number) for number in range(12)])
    for number in range(12):
        cache.take(f"account-a{number}")
        assert cache.take(f"account-a{number}") is None


def test_a_cleared_cache_is_empty() -> None:
    cache = AccountCache(12, unpacked=2)
    cache.keep([_account(number) for number in range(12)])
    cache.clear()
    assert len(cache) == 0
    assert all(cache.take(f"account-a{number}") is None for number in range(12))


@pytest.mark.parametrize(
    "command",
    [
        opening(ACCOUNT, 1000),
        limit_change(ACCOUNT, 3, 10),
        payment(ACCOUNT, "p", 10),
        payment_return(ACCOUNT, "p", 10),
        purchase(ACCOUNT, "t", 10),
        replace(purchase(ACCOUNT, "t", 10), merchant=Merchant(None, "Market stall", None, None)),
        OperatorStatus("s", ACCOUNT, AccountStatus.FROZEN, "lost"),
        StatusChange(ACCOUNT, AccountStatus.FROZEN, 7, "lost", NOW),
        ControlsChange("c", ACCOUNT, (), "none"),
        ControlsChange("c", ACCOUNT, ONE_LIMIT, "asked for"),
    ],
    ids=lambda command: type(command).__name__,
)
@pytest.mark.parametrize("given_open", [True, False], ids=["open", "not open yet"])
def test_i1_packed_and_snapshotted_accounts_equal_the_original(
    command: Command, *, given_open: bool
) -> None:
    stream = Stream()
    if given_open:
        stream.ask(opening(ACCOUNT, 1000))
    stream.ask(command)
    account = stream.account()
    packed = unpack_account(pack_account(account))
    restored = decode_account(encode_account(account))
    for again in (packed, restored):
        for name in account.__struct_fields__:
            assert getattr(again, name) == getattr(account, name), name


def test_all_state_of_an_account_is_in_its_declared_fields() -> None:
    """Only declared fields are packed and snapshotted. Pending events are not state."""
    stream = Stream()
    stream.ask(opening(ACCOUNT, 1000))
    stream.ask(purchase(ACCOUNT, "t", 10))
    assert vars(stream.account()) == {"pending_events": []}


def test_changed_fields_of_an_account_change_the_snapshot_topic() -> None:
    """Old snapshots are ignored after a field is added, renamed or changed."""
    shapes = {
        shape_of([msgspec.defstruct("Kept", fields)])
        for fields in (
            [("posted", int)],
            [("pending", int)],
            [("posted", str)],
            [("posted", int), ("pending", int)],
        )
    }
    assert len(shapes) == 4
