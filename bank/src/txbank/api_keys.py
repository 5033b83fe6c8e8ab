"""API keys: bearer tokens with scopes. A scope such as `accounts:read` names its service first."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Depends, Security
from fastapi.security import HTTPBearer, SecurityScopes
from starlette.requests import Request

from txbank.database import Connection
from txbank.errors import TxBankError
from txbank.problems import FORBIDDEN, UNAUTHENTICATED, ProblemError
from txbank.strict_requests import check_request

_KEY_BYTES = 32
"""256 random bits cannot be guessed, so a fast hash is enough."""

_CREDENTIALS = re.compile(r"bearer +(txb_[\w-]{43})", re.IGNORECASE)


class UnknownKeyError(TxBankError):
    """There is no key with this id."""


def new_key() -> tuple[UUID, str]:
    """Return an id and a secret. The secret is not stored, so it can be shown only once."""
    return uuid4(), f"txb_{secrets.token_urlsafe(_KEY_BYTES)}"


def store_key(
    connection: Connection, key_id: UUID, key: str, *, name: str, scopes: Sequence[str]
) -> None:
    """Store the digest of a key in one service's database."""
    connection.execute(
        "INSERT INTO api_keys (id, name, key_sha256, scopes) VALUES (%s, %s, %s, %s)",
        (key_id, name, _digest(key), list(scopes)),
    )


def list_keys(connection: Connection) -> list[dict[str, Any]]:
    """Return id, name, scopes and times of all keys, oldest first."""
    return connection.execute(
        "SELECT id, name, scopes, created_at, revoked_at FROM api_keys ORDER BY created_at, id"
    ).fetchall()


def revoke_key(connection: Connection, key_id: UUID) -> None:
    """Refuse a key from now on.

    Raises:
        UnknownKeyError: No key has this id.
    """
    changed = connection.execute(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = %s", (key_id,)
    )
    if not changed.rowcount:
        raise UnknownKeyError(
            f"There is no key {key_id}.", next_step="`txbank keys list` shows all keys."
        )


def _check_key(
    request: Request,
    scopes: SecurityScopes,
    _: Annotated[object, Depends(HTTPBearer(auto_error=False, scheme_name="ApiKey"))],
) -> None:
    credentials = _CREDENTIALS.fullmatch(request.headers.get("authorization", ""))
    found = None
    if credentials:
        with request.app.state.database.transaction() as connection:
            found = connection.execute(
                "SELECT scopes FROM api_keys WHERE key_sha256 = %s AND revoked_at IS NULL",
                (_digest(credentials[1]),),
            ).fetchone()
    if found is None:
        raise ProblemError(
            UNAUTHENTICATED,
            "The request has no API key, or the key is unknown or revoked.",
            "Send `Authorization: Bearer <key>`; create a key with `txbank keys create`.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if missing := set(scopes.scopes) - set(found["scopes"]):
        raise ProblemError(
            FORBIDDEN,
            f"This call needs the scope {', '.join(missing)}, which the key does not have.",
            "Use a key with this scope.",
        )


async def _check(request: Request, _: Annotated[None, Security(_check_key)]) -> None:
    await check_request(request)


def requires(scope: str) -> Any:
    """Return a dependency that refuses malformed requests, and keys that lack the scope."""
    return Security(_check, scopes=[scope])


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
