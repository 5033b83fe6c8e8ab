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
from typing import Generic, TypeVar

from txplatform.api.problems import ProblemError, retry_later
from txplatform.api.queries import Queries
from txplatform.api.rate_limits import KeyRates
from txplatform.api_keys import ApiKey, Scope, UnusableKey, find_keys, note_use
from txplatform.contracts.problems import ProblemType
from txplatform.telemetry import FaultLog, logger

CACHED_S = 3.0
_MAX_WAITING = 1000
"""The number of keys that may wait for their look-up; further ones get 503."""
_PAUSE_S = 0.02
"""The pause after a look-up in which keys were unknown, so that many of them share a query."""
USE_NOTED_EVERY_S = 60.0
"""The interval at which a process stores that a key is in use."""

_CREDENTIALS = re.compile(rb"bearer +(txp_[\w-]{43})", re.IGNORECASE)
"""An RFC 6750 header with a key from `api_keys.create_key`. Only such keys are looked up."""


_Found = TypeVar("_Found", ApiKey, UnusableKey)
_Waiting = tuple[bytes, asyncio.Future[ApiKey | UnusableKey]]
"""A key to look up, and the future for what is found."""


class Authenticator:
    """Looks up API keys, and caches recently used keys.

    Waiting keys are looked up in one query on one connection. So many made-up keys neither occupy
    the other connections nor delay a real key. Unusable keys have a cache of their own, so they
    cannot displace real ones.
    """

    def __init__(
        self,
        queries: Queries,
        *,
        clock: Callable[[], float] = monotonic,
        max_cached: int = 10_000,
        rates: KeyRates | None = None,
    ) -> None:
        self._queries = queries
        self._clock = clock
        self._rates = rates or KeyRates(None)
        self._known = _Cache[ApiKey](max_cached)
        self._unusable = _Cache[UnusableKey](max_cached)
        self._waiting: dict[bytes, _Waiting] = {}
        """The keys to look up next, and the futures for them, by header digest."""
        self._looking: dict[bytes, _Waiting] = {}
        self._look_up_task: asyncio.Task[None] | None = None
        self._note_use_at: dict[str, float] = {}
        """When the use of each key is to be stored next, by the key's id."""
        self._noting: set[asyncio.Task[None]] = set()
        self._note_faults = FaultLog(
            logger("api"), line="the last use of a key cannot be stored, will retry"
        )

    def admit_cached(self, digest: bytes, scope: Scope) -> ApiKey | None:
        """Return the key of an Authorization header if it may send a request now, else None.

        None also stands for a key that is not cached, lacks the scope or has sent too many
        requests. `digest` is the header's `header_digest`.
        """
        key = self._known.get(digest, self._clock())
        if key is None or scope not in key.scopes or self._rates.take(key.id):
            return None
        return key

    async def admit(self, authorization: bytes | None) -> ApiKey:
        """Return the key of the caller, who sends a request now.

        Raises:
            ProblemError: The header has no valid key, or the key has sent too many requests.
            StoreUnavailableError: The key cannot be looked up.
        """
        key = await self.authenticate(authorization)
        self._rates.require(key.id)
        return key

    async def authenticate(self, authorization: bytes | None) -> ApiKey:
        """Return the caller's key.

        Raises:
            ProblemError: The header has no valid key.
            StoreUnavailableError: The key cannot be looked up.
        """
        if authorization is None:
            raise _unauthenticated("No API key was sent.", reason="missing")
        digest, now = header_digest(authorization), self._clock()
        key = self._known.get(digest, now) or self._unusable.get(digest, now)
        if key is None:
            credentials = _CREDENTIALS.fullmatch(authorization)
            if credentials is None:
                raise _unauthenticated(
                    "The Authorization header has no bearer API key.", reason="malformed"
                )
            key = await self._look_up(digest, credentials[1])
        if isinstance(key, UnusableKey):
            raise _unauthenticated(
                "The API key is unknown, expired or revoked.",
                error="invalid_token",
                reason=key.fault.value,
                key_id=key.key_id,
            )
        return key

    async def _look_up(self, digest: bytes, secret: bytes) -> ApiKey | UnusableKey:
        """Look up a key. Concurrent requests with the same key share one look-up."""
        waiting = self._looking.get(digest) or self._waiting.get(digest)
        if waiting is None:
            if len(self._waiting) >= _MAX_WAITING:
                raise retry_later(
                    ProblemType.OVERLOADED,
                    "Too many API keys are being looked up.",
                    "Retry after the time in Retry-After.",
                )
            waiting = secret, asyncio.get_running_loop().create_future()
            self._waiting[digest] = waiting
            if self._look_up_task is None:
                self._look_up_task = asyncio.create_task(self._look_up_waiting())
        return await asyncio.shield(waiting[1])

    async def _look_up_waiting(self) -> None:
        """Look up the keys that wait until none waits."""
        try:
            while self._waiting:
                self._looking, self._waiting = self._waiting, {}
                keys = [key for key, _ in self._looking.values()]
                try:
                    found = await self._queries.run(partial(find_keys, keys=keys))
                except Exception as error:  # noqa: BLE001  # raised where the keys are awaited
                    for _, future in self._looking.values():
                        future.set_exception(error)
                        future.exception()  # the caller may have left
                    continue
                until = self._clock() + CACHED_S
                for (digest, (_, future)), key in zip(self._looking.items(), found, strict=True):
                    if isinstance(key, UnusableKey):
                        self._unusable.put(digest, key, until)
                    else:
                        self._known.put(digest, key, until)
                        self._note_use(key.id)
                    future.set_result(key)
                if any(isinstance(key, UnusableKey) for key in found):
                    await asyncio.sleep(_PAUSE_S)
        finally:
            self._look_up_task, self._looking = None, {}

    def _note_use(self, key_id: str) -> None:
        """Store in the background that a key is in use, unless this was done a moment ago."""
        if self._clock() >= self._note_use_at.get(key_id, 0):
            self._note_use_at[key_id] = self._clock() + USE_NOTED_EVERY_S
            task = asyncio.create_task(self._queries.run(partial(note_use, key_id=key_id)))
            self._noting.add(task)
            task.add_done_callback(partial(self._noted, key_id))

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


class _Cache(Generic[_Found]):
    """The results of the most recent look-ups, by header digest."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._found: OrderedDict[bytes, tuple[_Found, float]] = OrderedDict()

    def get(self, digest: bytes, now: float) -> _Found | None:
        found = self._found.get(digest)
        return found[0] if found is not None and now < found[1] else None

    def put(self, digest: bytes, key: _Found, until: float) -> None:
        self._found[digest] = (key, until)
        self._found.move_to_end(digest)
        while len(self._found) > self._size:
            self._found.popitem(last=False)


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
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
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
            headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'},
        )


def header_digest(authorization: bytes) -> bytes:
    """Return the SHA-256 of an Authorization header. The header itself is never kept."""
    return sha256(authorization).digest()


def authorization_header(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """Return the value of the last Authorization header in raw ASGI headers."""
    return dict(headers).get(b"authorization")


def _unauthenticated(
    detail: str, *, reason: str, key_id: str | None = None, error: str | None = None
) -> ProblemError:
    """Return the problem for a request without a valid key.

    Args:
        detail: What is wrong, for the caller.
        reason: The same for the log, in a word.
        key_id: The id of the key, for the log.
        error: A code of RFC 6750, section 3.1.
    """
    problem = ProblemError(
        ProblemType.UNAUTHENTICATED,
        detail,
        "Send `Authorization: Bearer <API key>`; create a key with `txplatform keys create`.",
        headers={"WWW-Authenticate": f'Bearer error="{error}"' if error else "Bearer"},
    )
    problem.logged = {"reason": reason} if key_id is None else {"reason": reason, "key_id": key_id}
    return problem
