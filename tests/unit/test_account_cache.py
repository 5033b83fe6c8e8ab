"""The cache of accounts is bounded, and hands an account over rather than sharing it."""

from __future__ import annotations

from txplatform.decisions.cache import AccountCache
from txplatform.domain.account import Account
from txplatform.domain.ids import AccountId
from txplatform.eventstore.snapshot import account_state


def _account(number: int) -> Account:
    account = Account.unopened(AccountId(f"a{number}"))
    account.version = number + 1
    account.posted = 100 * number
    return account


def test_it_never_holds_more_than_its_capacity() -> None:
    """However many accounts are decided on, whichever way they are kept."""
    for capacity, unpacked in ((1, 1), (3, 3), (3, 1), (10, 2), (10, 100)):
        cache = AccountCache(capacity, unpacked)
        for number in range(200):
            cache.keep([_account(number)])
            assert len(cache) <= capacity


def test_it_remembers_at_least_the_half_used_last() -> None:
    """An account that is in use is not read again and again."""
    cache = AccountCache(100, unpacked=10)
    for number in range(1000):
        cache.keep([_account(number)])
        assert len(cache) >= min(number + 1, 50)
    for number in range(950, 1000):
        assert cache.take(f"account-a{number}") is not None


def test_the_least_recently_used_makes_room() -> None:
    """Taking and keeping an account makes it recent."""
    cache = AccountCache(2)
    cache.keep([_account(1), _account(2)])
    first = cache.take("account-a1")
    assert first is not None
    cache.keep([first])
    cache.keep([_account(3)])
    assert cache.take("account-a2") is None
    assert cache.take("account-a1") is first


def test_a_packed_account_comes_back_as_it_was() -> None:
    """Packing saves memory and changes nothing (I1)."""
    cache = AccountCache(11, unpacked=1)
    cache.keep([_account(1), _account(2)])
    packed = cache.take("account-a1")
    assert packed is not None
    assert packed.id == "account-a1"
    assert packed.version == 2
    assert account_state(packed) == account_state(_account(1))


def test_a_taken_account_is_not_remembered() -> None:
    """Whoever decides on it may spoil it: only what was committed comes back."""
    cache = AccountCache(12, unpacked=2)
    cache.keep([_account(number) for number in range(12)])
    for number in range(12):
        cache.take(f"account-a{number}")
        assert cache.take(f"account-a{number}") is None


def test_a_cleared_cache_remembers_nothing() -> None:
    """After a lost connection what the log holds is not known."""
    cache = AccountCache(12, unpacked=2)
    cache.keep([_account(number) for number in range(12)])
    cache.clear()
    assert len(cache) == 0
    assert all(cache.take(f"account-a{number}") is None for number in range(12))
