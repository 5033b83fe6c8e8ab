"""API keys: which are accepted, how long they are cached, and when they are looked up."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from txplatform.api.authentication import (
    CACHED_S,
    USE_NOTED_EVERY_S,
    Authenticator,
    authorization_header,
    header_digest,
    require_account,
    require_scope,
)
from txplatform.api.problems import ProblemError
from txplatform.api.rate_limits import KeyRates
from txplatform.api_keys import ApiKey, KeyFault, Scope, UnusableKey, note_use
from txplatform.decisions.errors import StoreUnavailableError

READ, WRITE = Scope.ACCOUNTS_READ, Scope.ACCOUNTS_WRITE
KEY = ApiKey("key_1", "reader", (READ.value,), datetime(2026, 11, 20, tzinfo=UTC), None, None)
UNKNOWN = UnusableKey(KeyFault.UNKNOWN)


def bearer(letter: str) -> bytes:
    """Return an Authorization header with a well-formed key."""
    return b"Bearer txp_" + letter.encode() * 43


class MadeUpKeys:
    """Replaces the database queries.

    Attributes:
        found: The result of a look-up, or the exception it raises.
        looked_up: The number of keys that were looked up.
        queries: The number of queries for them.
        answers: Not set while a query waits.
        notes: The ids of the keys whose use was stored.
        note_fault: The exception that storing a use raises.
    """

    def __init__(self) -> None:
        self.found: ApiKey | UnusableKey | Exception = KEY
        self.looked_up = 0
        self.queries = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self.notes: list[str] = []
        self.note_fault: Exception | None = None

    async def run(self, query: partial[Any]) -> list[ApiKey | UnusableKey] | None:
        """Count the look-up, and return or raise its result; or take a note of the use."""
        if query.func is note_use:
            self.notes.append(query.keywords["key_id"])
            if self.note_fault is not None:
                raise self.note_fault
            return None
        keys = query.keywords["keys"]
        self.looked_up += len(keys)
        self.queries += 1
        await self.answers.wait()
        if isinstance(self.found, Exception):
            raise self.found
        return [self.found] * len(keys)


@pytest.fixture
def stored() -> MadeUpKeys:
    """The stored keys."""
    return MadeUpKeys()


@pytest.fixture
def clock() -> SimpleNamespace:
    """The clock that the authenticator reads, in seconds."""
    return SimpleNamespace(now=1000.0)


@pytest.fixture
def authenticator(stored: MadeUpKeys, clock: SimpleNamespace) -> Authenticator:
    """An authenticator with an empty cache that has room for two keys."""
    queries: Any = stored
    return Authenticator(queries, clock=lambda: clock.now, max_cached=2)


def ask(authenticator: Authenticator, authorization: bytes | None, scope: Scope = READ) -> str:
    """Return the id of the accepted key, or the type of the problem."""

    async def authenticated() -> ApiKey:
        key = await authenticator.authenticate(authorization)
        await asyncio.sleep(0)  # for the note of the use
        return key

    try:
        key = asyncio.run(authenticated())
        require_scope(key, scope)
    except ProblemError as problem:
        return problem.type.code
    return key.id


def test_a_key_is_looked_up_again_after_its_time_in_the_cache(
    authenticator: Authenticator, stored: MadeUpKeys, clock: SimpleNamespace
) -> None:
    assert ask(authenticator, bearer("a")) == "key_1"
    stored.found = UNKNOWN
    clock.now += CACHED_S - 0.01
    assert ask(authenticator, bearer("a")) == "key_1"
    assert authenticator.admit_cached(header_digest(bearer("a")), READ) is KEY
    assert stored.looked_up == 1
    clock.now += 0.01
    assert authenticator.admit_cached(header_digest(bearer("a")), READ) is None
    assert ask(authenticator, bearer("a")) == "unauthenticated"
    assert authenticator.admit_cached(header_digest(bearer("a")), READ) is None
    assert stored.looked_up == 2


def test_a_key_without_the_scope_is_refused_even_if_cached(authenticator: Authenticator) -> None:
    assert ask(authenticator, bearer("a"), WRITE) == "forbidden"
    assert ask(authenticator, bearer("a"), WRITE) == "forbidden"
    assert authenticator.admit_cached(header_digest(bearer("a")), WRITE) is None
    assert ask(authenticator, bearer("a"), READ) == "key_1"


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        b"",
        b"Basic " + b"a" * 47,
        b"Bearer " + b"a" * 47,
        bearer("a") + b"a",
        bearer("a")[:-1],
        b"Bearer txp_" + b"\xe9" * 43,
        bearer("a") + b"\n",
    ],
)
def test_a_missing_or_malformed_key_is_refused_without_a_look_up(
    authenticator: Authenticator, stored: MadeUpKeys, authorization: bytes | None
) -> None:
    """Malformed guesses must not load the database."""
    assert ask(authenticator, authorization) == "unauthenticated"
    assert stored.looked_up == 0


def test_concurrent_requests_with_the_same_key_share_one_look_up(
    authenticator: Authenticator, stored: MadeUpKeys
) -> None:
    """A caller with a thousand connections must not cause a thousand look-ups."""

    async def together() -> list[ApiKey]:
        return await asyncio.gather(*(authenticator.authenticate(bearer("a")) for _ in range(10)))

    assert asyncio.run(together()) == [KEY] * 10
    assert stored.looked_up == 1


def test_a_key_whose_look_up_fails_is_not_accepted_until_a_look_up_succeeds(
    authenticator: Authenticator, stored: MadeUpKeys, clock: SimpleNamespace
) -> None:
    assert ask(authenticator, bearer("a")) == "key_1"
    clock.now += CACHED_S
    stored.found = StoreUnavailableError(TimeoutError())
    with pytest.raises(StoreUnavailableError):
        ask(authenticator, bearer("a"))
    stored.found = KEY
    assert ask(authenticator, bearer("a")) == "key_1"


def test_the_cache_holds_a_limited_number_of_keys(
    authenticator: Authenticator, stored: MadeUpKeys
) -> None:
    """Well-formed guesses cannot fill the memory. The most recently used keys stay."""
    for letter in "abc":
        ask(authenticator, bearer(letter))
    assert ask(authenticator, bearer("c")) == ask(authenticator, bearer("b")) == "key_1"
    assert stored.looked_up == 3
    assert authenticator.admit_cached(header_digest(bearer("a")), READ) is None


def test_the_last_of_several_authorization_headers_counts() -> None:
    headers = [(b"authorization", b"first"), (b"host", b"x"), (b"authorization", b"last")]
    assert authorization_header(headers) == b"last"


def test_the_use_of_a_key_is_stored_at_most_once_a_minute(
    authenticator: Authenticator, stored: MadeUpKeys, clock: SimpleNamespace
) -> None:
    """No request waits for it: it is stored beside the request after a look-up."""
    for _ in range(int(2 * USE_NOTED_EVERY_S)):
        ask(authenticator, bearer("a"))
        clock.now += 1
    assert stored.notes == ["key_1"] * 2
    assert stored.looked_up == 2 * USE_NOTED_EVERY_S / CACHED_S


def test_a_use_that_cannot_be_stored_fails_no_request_and_is_stored_later(
    authenticator: Authenticator, stored: MadeUpKeys, clock: SimpleNamespace
) -> None:
    stored.note_fault = StoreUnavailableError(TimeoutError())
    with capture_logs() as lines:
        for _ in range(2):
            assert ask(authenticator, bearer("a")) == "key_1"
            clock.now += CACHED_S
    assert [line["event"] for line in lines] == [
        "the last use of a key cannot be stored, will retry"
    ]
    stored.note_fault = None
    for _ in range(3):
        assert ask(authenticator, bearer("a")) == "key_1"
        clock.now += CACHED_S
    assert stored.notes == ["key_1"] * 3


@pytest.mark.parametrize(
    ("authorization", "found", "logged"),
    [
        (None, KEY, {"reason": "missing"}),
        (b"Basic x", KEY, {"reason": "malformed"}),
        (bearer("a"), UnusableKey(KeyFault.UNKNOWN), {"reason": "unknown"}),
        (
            bearer("a"),
            UnusableKey(KeyFault.EXPIRED, "key_2"),
            {"reason": "expired", "key_id": "key_2"},
        ),
        (
            bearer("a"),
            UnusableKey(KeyFault.REVOKED, "key_3"),
            {"reason": "revoked", "key_id": "key_3"},
        ),
    ],
)
def test_the_log_tells_why_a_key_is_refused(
    authenticator: Authenticator,
    stored: MadeUpKeys,
    authorization: bytes | None,
    found: ApiKey | UnusableKey,
    logged: dict[str, str],
) -> None:
    """From the cache as well; its use is not stored."""
    stored.found = found
    for _ in range(2):
        with pytest.raises(ProblemError) as refused:
            asyncio.run(authenticator.authenticate(authorization))
        assert refused.value.logged == logged
    assert stored.notes == []


def test_a_limited_key_may_use_only_its_accounts() -> None:
    limited = replace(KEY, accounts=frozenset({"acc-1"}))
    require_account(limited, "acc-1")
    require_account(KEY, "acc-2")
    require_account(KEY, None)
    for other in ("acc-2", None):
        with pytest.raises(ProblemError) as refused:
            require_account(limited, other)
        assert refused.value.type.code == "forbidden"


def test_made_up_keys_do_not_displace_real_ones(
    authenticator: Authenticator, stored: MadeUpKeys
) -> None:
    assert ask(authenticator, bearer("a")) == "key_1"
    stored.found = UNKNOWN
    for letter in "bcdefg":
        assert ask(authenticator, bearer(letter)) == "unauthenticated"
    assert authenticator.admit_cached(header_digest(bearer("a")), READ) is KEY
    assert ask(authenticator, bearer("g")) == "unauthenticated"
    assert stored.looked_up == 7  # what is known not to exist is not looked up again


def test_keys_that_come_during_a_look_up_share_the_next_one(
    authenticator: Authenticator, stored: MadeUpKeys
) -> None:
    """However many keys are made up, one connection at a time looks them up."""

    async def together() -> list[object]:
        stored.answers.clear()
        asked = [
            asyncio.create_task(authenticator.authenticate(b"Bearer txp_%043d" % number))
            for number in range(1500)
        ]
        for _ in range(3):
            await asyncio.sleep(0)
        stored.answers.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    found = asyncio.run(together())
    assert found.count(KEY) == stored.looked_up == 1000
    refused = [each for each in found if isinstance(each, ProblemError)]
    assert {each.type.code for each in refused} == {"overloaded"}
    assert refused[0].headers["Retry-After"] == "1"
    assert stored.queries <= 2


def test_a_key_that_is_refused_may_retry_after_its_time(
    stored: MadeUpKeys, clock: SimpleNamespace
) -> None:
    queries: Any = stored
    rates = KeyRates(0.5, 2, clock=lambda: clock.now)
    authenticator = Authenticator(queries, clock=lambda: clock.now, rates=rates)

    def admitted() -> str:
        try:
            return asyncio.run(authenticator.admit(bearer("a"))).id
        except ProblemError as problem:
            return f"{problem.type.code} {problem.headers['Retry-After']}"

    def is_direct() -> bool:
        return authenticator.admit_cached(header_digest(bearer("a")), READ) is KEY

    assert [admitted(), admitted(), admitted()] == ["key_1", "key_1", "rate-limited 2"]
    assert not is_direct()
    clock.now += 1.9
    assert admitted() == "rate-limited 1"
    clock.now += 0.1
    assert is_direct()
    assert admitted() == "rate-limited 2"
    clock.now += 60
    assert [admitted(), admitted(), admitted()] == ["key_1", "key_1", "rate-limited 2"]
