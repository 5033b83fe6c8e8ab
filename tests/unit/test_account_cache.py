"""The cache of accounts is bounded, and hands an account over rather than sharing it."""

from __future__ import annotations

from txplatform.decisions.cache import AccountCache
from txplatform.domain.account import Account
from txplatform.domain.ids import AccountId


def _account(number: int) -> Account:
    return Account.unopened(AccountId(f"a{number}"))


def test_it_never_holds_more_than_its_capacity() -> None:
    """However many accounts are decided on."""
    cache = AccountCache(3)
    for number in range(1000):
        cache.keep([_account(number)])
        assert len(cache) <= 3


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


def test_a_taken_account_is_not_remembered() -> None:
    """Whoever decides on it may spoil it: only what was committed comes back."""
    cache = AccountCache(2)
    cache.keep([_account(1)])
    assert cache.take("account-a1") is not None
    assert cache.take("account-a1") is None
