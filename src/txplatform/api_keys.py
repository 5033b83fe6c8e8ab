"""API keys in the database. Only the SHA-256 digest of a key is stored."""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import psycopg

from txplatform.domain.cause import KeyCause
from txplatform.errors import TxPlatformError

KEY_BYTES = 32
"""256 random bits cannot be guessed, so a fast hash is enough."""

_COLUMNS = "id, name, scopes, created_at, expires_at, revoked_at"
"""The columns of an `ApiKey`, in the order of its fields."""


class Scope(StrEnum):
    """A permission of an API key."""

    TRANSACTIONS_WRITE = "transactions:write"
    ACCOUNTS_READ = "accounts:read"
    ACCOUNTS_WRITE = "accounts:write"
    AUDIT_READ = "audit:read"
    INBOUND_WRITE = "inbound:write"
    RULES_READ = "rules:read"
    RULES_WRITE = "rules:write"


class UnknownKeyError(TxPlatformError):
    """Raised if no key has this id."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key without its secret.

    Attributes:
        expires_at: The time from which the key is refused; None if it never expires.
        revoked_at: None if the key was not revoked.
    """

    id: str
    name: str
    scopes: Sequence[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    @property
    def cause(self) -> KeyCause:
        """This key as the value of an event's `caused_by`."""
        return KeyCause(self.id, self.name)


def digest_of(key: str) -> bytes:
    """Return the digest that is stored for a key."""
    return hashlib.sha256(key.encode()).digest()


def create_key(
    connection: psycopg.Connection,
    *,
    name: str,
    scopes: Iterable[Scope],
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Create a key; return the key and its secret, which is not stored."""
    key = "txp_" + secrets.token_urlsafe(KEY_BYTES)
    row = connection.execute(
        f"INSERT INTO api_keys (id, key_sha256, name, scopes, expires_at)"
        f" VALUES (%s, %s, %s, %s, %s) RETURNING {_COLUMNS}",
        (
            "key_" + secrets.token_hex(6),
            digest_of(key),
            name,
            [scope.value for scope in scopes],
            expires_at,
        ),
    ).fetchone()
    assert row is not None
    return ApiKey(*row), key


def list_keys(connection: psycopg.Connection) -> list[ApiKey]:
    """Return all keys, oldest first."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_at, id")
    return [ApiKey(*row) for row in rows]


def revoke_key(connection: psycopg.Connection, key_id: str) -> ApiKey:
    """Revoke a key; every process refuses it within five seconds.

    Raises:
        UnknownKeyError: No key has this id.
    """
    row = connection.execute(
        f"UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = %s"
        f" RETURNING {_COLUMNS}",
        (key_id,),
    ).fetchone()
    if row is None:
        raise UnknownKeyError(
            f"There is no key {key_id}.", next_step="`txplatform keys list` shows all keys."
        )
    return ApiKey(*row)


def find_keys(connection: psycopg.Connection, digests: Sequence[bytes]) -> dict[bytes, ApiKey]:
    """Return the keys with these digests, by digest, without unknown, expired and revoked ones."""
    rows = connection.execute(
        f"SELECT key_sha256, {_COLUMNS} FROM api_keys WHERE key_sha256 = ANY(%s)"
        " AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())",
        ([*digests],),
    )
    return {digest: ApiKey(*key) for digest, *key in rows}
