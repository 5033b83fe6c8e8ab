"""Who calls: a bearer key is looked up once and remembered for a few seconds.

So a revoked key is refused everywhere within five seconds. A key that cannot be looked up
is not accepted.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from txplatform.api.keys import find_key
from txplatform.api.problems import FORBIDDEN, UNAUTHENTICATED, ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg_pool import ConnectionPool

    from txplatform.api.keys import ApiKey, Scope

REMEMBERED_S = 3.0
_MOST_REMEMBERED = 10_000
_BEARER = b"bearer "


class Authenticator:
    """Knows the keys that were used lately."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._known: OrderedDict[bytes, tuple[ApiKey | None, float]] = OrderedDict()

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
            psycopg.OperationalError: It cannot be looked up.
        """
        if authorization is None or authorization[: len(_BEARER)].lower() != _BEARER:
            raise _unauthenticated("No API key was sent.")
        whole = sha256(authorization).digest()
        key, until = self._known.get(whole, (None, 0.0))
        if monotonic() >= until:
            digest = sha256(authorization[len(_BEARER) :].strip()).digest()
            key = await run_in_threadpool(self._look_up, digest)
            self._known[whole] = (key, monotonic() + REMEMBERED_S)
            self._known.move_to_end(whole)
            while len(self._known) > _MOST_REMEMBERED:
                self._known.popitem(last=False)
        if key is None:
            raise _unauthenticated("The API key is unknown, expired or revoked.")
        if scope not in key.scopes:
            raise ProblemError(
                FORBIDDEN,
                f"This call needs the scope {scope}, which the key {key.id} does not have.",
                f"Use a key with it: `txplatform keys create --scope {scope} …`.",
            )
        return key

    def _look_up(self, digest: bytes) -> ApiKey | None:
        with self._pool.connection(timeout=2) as connection:
            return find_key(connection, digest)


def authorization_header(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The Authorization header among raw ASGI headers."""
    return next((value for name, value in headers if name == b"authorization"), None)


def _unauthenticated(detail: str) -> ProblemError:
    return ProblemError(
        UNAUTHENTICATED,
        detail,
        "Send `Authorization: Bearer <API key>`; `txplatform keys create` makes one.",
        headers={"WWW-Authenticate": "Bearer"},
    )
