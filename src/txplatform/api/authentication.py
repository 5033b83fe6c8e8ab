"""Authenticate API keys sent as bearer tokens, and cache the keys for a few seconds.

A revoked key is refused everywhere within five seconds. Requests fail if a key cannot be looked up.

A key that is in use is looked up every few seconds. After a look-up, the time of its last use is
stored in the background, so no request waits for it or fails with it.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from hashlib import sha256
from time import monotonic

from txplatform.api.problems import ProblemError
from txplatform.api.queries import Queries
from txplatform.api_keys import ApiKey, Scope, UnusableKey, find_key, note_use
from txplatform.contracts.problems import ProblemType
from txplatform.telemetry import FaultLog, logger

CACHED_S = 3.0
USE_NOTED_EVERY_S = 60.0
"""The interval at which a process stores that a key is in use."""

_CREDENTIALS = re.compile(rb"bearer +(txp_[\w-]{43})", re.IGNORECASE)
"""An RFC 6750 header with a key from `api_keys.create_key`. Only such keys are looked up."""


class Authenticator:
    """Looks up API keys, and caches recently used keys."""

    def __init__(
        self,
        queries: Queries,
        *,
        clock: Callable[[], float] = monotonic,
        max_cached: int = 10_000,
    ) -> None:
        self._queries = queries
        self._clock = clock
        self._max_cached = max_cached
        self._cached: OrderedDict[bytes, tuple[ApiKey | UnusableKey, float]] = OrderedDict()
        self._looking: dict[bytes, asyncio.Task[ApiKey | UnusableKey]] = {}
        self._note_use_at: dict[str, float] = {}
        """When the use of each key is to be stored next, by the key's id."""
        self._noting: set[asyncio.Task[None]] = set()
        self._note_faults = FaultLog(
            logger("api"), line="the last use of a key cannot be stored, will retry"
        )

    def cached_key(self, digest: bytes, scope: Scope) -> ApiKey | None:
        """Return the key of an Authorization header if it is cached and has the scope, else None.

        `digest` is the header's `header_digest`.
        """
        cached = self._cached.get(digest)
        if cached is None or self._clock() >= cached[1]:
            return None
        key = cached[0]
        return key if isinstance(key, ApiKey) and scope in key.scopes else None

    async def authenticate(self, authorization: bytes | None) -> ApiKey:
        """Return the caller's key.

        Raises:
            ProblemError: The header has no valid key.
            StoreUnavailableError: The key cannot be looked up.
        """
        if authorization is None:
            raise _unauthenticated("No API key was sent.", reason="missing")
        whole = header_digest(authorization)
        cached = self._cached.get(whole)
        if cached is not None and self._clock() < cached[1]:
            key = cached[0]
        else:
            credentials = _CREDENTIALS.fullmatch(authorization)
            if credentials is None:
                raise _unauthenticated(
                    "The Authorization header has no bearer API key.", reason="malformed"
                )
            key = await self._look_up(whole, credentials[1])
        if isinstance(key, UnusableKey):
            raise _unauthenticated(
                "The API key is unknown, expired or revoked.",
                reason=key.fault.value,
                key_id=key.key_id,
            )
        return key

    async def _look_up(self, whole: bytes, key: bytes) -> ApiKey | UnusableKey:
        """Look up a key. Concurrent requests with the same key share one look-up."""
        task = self._looking.get(whole)
        if task is None:
            task = asyncio.create_task(self._queries.run(partial(find_key, key=key)))
            self._looking[whole] = task
            task.add_done_callback(partial(self._cache, whole))
        return await asyncio.shield(task)

    def _cache(self, whole: bytes, found: asyncio.Task[ApiKey | UnusableKey]) -> None:
        del self._looking[whole]
        if found.cancelled() or found.exception() is not None:
            return
        key = found.result()
        self._cached[whole] = (key, self._clock() + CACHED_S)
        self._cached.move_to_end(whole)
        while len(self._cached) > self._max_cached:
            self._cached.popitem(last=False)
        if isinstance(key, ApiKey) and self._clock() >= self._note_use_at.get(key.id, 0):
            self._note_use_at[key.id] = self._clock() + USE_NOTED_EVERY_S
            task = asyncio.create_task(self._queries.run(partial(note_use, key_id=key.id)))
            self._noting.add(task)
            task.add_done_callback(partial(self._noted, key.id))

    def _noted(self, key_id: str, noting: asyncio.Task[None]) -> None:
        self._noting.discard(noting)
        if noting.cancelled():  # the process stops
            return
        fault = noting.exception()
        if isinstance(fault, Exception):
            del self._note_use_at[key_id]
            self._note_faults.failed(fault)
        else:
            self._note_faults.succeeded()


def require_scope(key: ApiKey, scope: Scope) -> None:
    """Check that a key has a scope.

    Raises:
        ProblemError: The key lacks the scope.
    """
    if scope not in key.scopes:
        raise ProblemError(
            ProblemType.FORBIDDEN,
            f"This call needs the scope {scope}, which the key {key.id} does not have.",
            f"Use a key with this scope: `txplatform keys create --scope {scope} …`.",
        )


def require_account(key: ApiKey, account_id: str | None) -> None:
    """Check that a key may change an account or decide on it.

    Raises:
        ProblemError: The key is limited to other accounts.
    """
    if not key.allows(account_id):
        raise ProblemError(
            ProblemType.FORBIDDEN,
            f"The key {key.id} is limited to certain accounts, and this is none of them.",
            "Use a key for this account: `txplatform keys create --account ACCOUNT …`.",
        )


def header_digest(authorization: bytes) -> bytes:
    """Return the SHA-256 of an Authorization header. The header itself is never kept."""
    return sha256(authorization).digest()


def authorization_header(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """Return the value of the last Authorization header in raw ASGI headers."""
    return dict(headers).get(b"authorization")


def _unauthenticated(detail: str, *, reason: str, key_id: str | None = None) -> ProblemError:
    problem = ProblemError(
        ProblemType.UNAUTHENTICATED,
        detail,
        "Send `Authorization: Bearer <API key>`; create a key with `txplatform keys create`.",
        headers={"WWW-Authenticate": "Bearer"},
    )
    problem.logged = {"reason": reason} if key_id is None else {"reason": reason, "key_id": key_id}
    return problem
