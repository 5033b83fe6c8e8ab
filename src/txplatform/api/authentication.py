"""Who calls: a bearer key is looked up once and remembered for a few seconds.

So a revoked key is refused everywhere within five seconds. A key that cannot be looked up
is not accepted.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Iterable
from functools import partial
from hashlib import sha256
from time import monotonic

from txplatform.api.problems import ProblemError
from txplatform.api.queries import Queries
from txplatform.api_keys import ApiKey, Scope, find_key
from txplatform.contracts.problems import ProblemType

REMEMBERED_S = 3.0
_MOST_REMEMBERED = 10_000
_CREDENTIALS = re.compile(rb"bearer +(txp_[\w-]{43})", re.IGNORECASE)
"""RFC 6750, with a key as `keys.create_key` makes them: nothing else is worth a look-up."""


class Authenticator:
    """Knows the keys that were used lately."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._known: OrderedDict[bytes, tuple[ApiKey | None, float]] = OrderedDict()
        self._looking: dict[bytes, asyncio.Task[ApiKey | None]] = {}

    def remembered(self, authorization: bytes, scope: Scope) -> ApiKey | None:
        """The caller's key where it was looked up a moment ago and has the scope, else None."""
        known = self._known.get(sha256(authorization).digest())
        if known is None or monotonic() >= known[1] or known[0] is None:
            return None
        return known[0] if scope in known[0].scopes else None

    async def authenticate(self, authorization: bytes | None, scope: Scope) -> ApiKey:
        """The caller's key.

        Args:
            authorization: The header's value.
            scope: What the key has to be allowed.

        Raises:
            ProblemError: No key, an unknown, expired or revoked one, or one without the scope.
            StoreUnavailableError: It cannot be looked up.
        """
        if authorization is None:
            raise _unauthenticated("No API key was sent.")
        whole = sha256(authorization).digest()
        key, until = self._known.get(whole, (None, 0.0))
        if monotonic() >= until:
            credentials = _CREDENTIALS.fullmatch(authorization)
            if credentials is None:
                raise _unauthenticated("What was sent is not a bearer API key.")
            key = await self._look_up_once(whole, sha256(credentials[1]).digest())
        if key is None:
            raise _unauthenticated("The API key is unknown, expired or revoked.")
        if scope not in key.scopes:
            raise ProblemError(
                ProblemType.FORBIDDEN,
                f"This call needs the scope {scope}, which the key {key.id} does not have.",
                f"Use a key with it: `txplatform keys create --scope {scope} …`.",
            )
        return key

    async def _look_up_once(self, whole: bytes, digest: bytes) -> ApiKey | None:
        """Look a key up; whoever asks for it meanwhile gets the same answer."""
        task = self._looking.get(whole)
        if task is None:
            task = asyncio.create_task(self._look_up(whole, digest))
            self._looking[whole] = task
            task.add_done_callback(lambda _: self._looking.pop(whole))
        return await asyncio.shield(task)

    async def _look_up(self, whole: bytes, digest: bytes) -> ApiKey | None:
        key = await self._queries.run(partial(find_key, digest=digest))
        self._known[whole] = (key, monotonic() + REMEMBERED_S)
        self._known.move_to_end(whole)
        while len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)
        return key


def authorization_header(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The Authorization header among raw ASGI headers; of several the last one."""
    return dict(headers).get(b"authorization")


def _unauthenticated(detail: str) -> ProblemError:
    return ProblemError(
        ProblemType.UNAUTHENTICATED,
        detail,
        "Send `Authorization: Bearer <API key>`; `txplatform keys create` makes one.",
        headers={"WWW-Authenticate": "Bearer"},
    )
