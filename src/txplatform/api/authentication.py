"""Authenticate API keys sent as bearer tokens, and cache the keys for a few seconds.

A revoked key is refused everywhere within five seconds. Requests fail if a key cannot be looked up.
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
from txplatform.api_keys import ApiKey, Scope, find_key
from txplatform.contracts.problems import ProblemType

CACHED_S = 3.0
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
        self._cached: OrderedDict[bytes, tuple[ApiKey | None, float]] = OrderedDict()
        self._looking: dict[bytes, asyncio.Task[ApiKey | None]] = {}

    def cached_key(self, digest: bytes, scope: Scope) -> ApiKey | None:
        """Return the key of an Authorization header if it is cached and has the scope, else None.

        `digest` is the header's `header_digest`.
        """
        cached = self._cached.get(digest)
        if cached is None or self._clock() >= cached[1] or cached[0] is None:
            return None
        return cached[0] if scope in cached[0].scopes else None

    async def authenticate(self, authorization: bytes | None) -> ApiKey:
        """Return the caller's key.

        Raises:
            ProblemError: The header has no valid key.
            StoreUnavailableError: The key cannot be looked up.
        """
        if authorization is None:
            raise _unauthenticated("No API key was sent.")
        whole = header_digest(authorization)
        key, until = self._cached.get(whole, (None, 0.0))
        if self._clock() >= until:
            credentials = _CREDENTIALS.fullmatch(authorization)
            if credentials is None:
                raise _unauthenticated("The Authorization header has no bearer API key.")
            key = await self._look_up(whole, sha256(credentials[1]).digest())
        if key is None:
            raise _unauthenticated("The API key is unknown, expired or revoked.")
        return key

    async def _look_up(self, whole: bytes, digest: bytes) -> ApiKey | None:
        """Look up a key. Concurrent requests with the same key share one look-up."""
        task = self._looking.get(whole)
        if task is None:
            task = asyncio.create_task(self._queries.run(partial(find_key, digest=digest)))
            self._looking[whole] = task
            task.add_done_callback(partial(self._cache, whole))
        return await asyncio.shield(task)

    def _cache(self, whole: bytes, found: asyncio.Task[ApiKey | None]) -> None:
        del self._looking[whole]
        if found.cancelled() or found.exception() is not None:
            return
        self._cached[whole] = (found.result(), self._clock() + CACHED_S)
        self._cached.move_to_end(whole)
        while len(self._cached) > self._max_cached:
            self._cached.popitem(last=False)


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


def header_digest(authorization: bytes) -> bytes:
    """Return the SHA-256 of an Authorization header. The header itself is never kept."""
    return sha256(authorization).digest()


def authorization_header(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """Return the value of the last Authorization header in raw ASGI headers."""
    return dict(headers).get(b"authorization")


def _unauthenticated(detail: str) -> ProblemError:
    return ProblemError(
        ProblemType.UNAUTHENTICATED,
        detail,
        "Send `Authorization: Bearer <API key>`; create a key with `txplatform keys create`.",
        headers={"WWW-Authenticate": "Bearer"},
    )
