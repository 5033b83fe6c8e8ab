"""API keys in the database. Only the SHA-256 digest of a key is stored."""

import hashlib
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import psycopg

from txplatform.domain.cause import KeyCause
from txplatform.errors import TxPlatformError

KEY_BYTES = 32
"""256 random bits cannot be guessed, so a fast hash is enough."""

MAX_ACCOUNTS = 100
"""The most accounts of a limited key. Its feeds are merged from those of its accounts."""

_COLUMNS = "id, name, scopes, created_at, expires_at, revoked_at, accounts, last_used_at"
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


PLATFORM_SCOPES = (Scope.RULES_READ, Scope.RULES_WRITE)
"""The scopes of calls that concern all accounts, which a limited key may not make."""


class KeyFault(StrEnum):
    """The reasons to refuse a key. They are logged, but the caller cannot tell them apart."""

    UNKNOWN = "unknown"
    EXPIRED = "expired"
    REVOKED = "revoked"


class UnknownKeyError(TxPlatformError):
    """Raised if no key has this id."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key without its secret.

    Attributes:
        expires_at: The time from which the key is refused; None if it never expires.
        revoked_at: None if the key was not revoked.
        accounts: The only accounts that the key may use; None for all accounts.
        last_used_at: The last use, up to about a minute too early; None if it was never used.
    """

    id: str
    name: str
    scopes: Sequence[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    accounts: Collection[str] | None = None
    last_used_at: datetime | None = None

    def allows(self, account_id: str | None) -> bool:
        """Return whether the key may use an account. A limited key may not use an unknown one."""
        return self.accounts is None or account_id in self.accounts

    @property
    def cause(self) -> KeyCause:
        """This key as the value of an event's `caused_by`."""
        return KeyCause(self.id, self.name)


@dataclass(frozen=True, slots=True)
class UnusableKey:
    """The result of looking up a key that is refused.

    Attributes:
        key_id: The id of the expired or revoked key; None for an unknown key.
    """

    fault: KeyFault
    key_id: str | None = None


def digest_of(key: bytes, *, limited: bool = False) -> bytes:
    """Return the digest that is stored for a key.

    A limited key has another digest than the same key without a limit. A process of the version
    before knows no limits, and so does not find the key.
    """
    return hashlib.sha256(b"limited " + key if limited else key).digest()


def create_key(
    connection: psycopg.Connection,
    *,
    name: str,
    scopes: Iterable[Scope],
    expires_at: datetime | None = None,
    accounts: Collection[str] = (),
) -> tuple[ApiKey, str]:
    """Create a key; return the key and its secret, which is not stored.

    Args:
        connection: A connection to the database.
        name: The name of the client.
        scopes: The key's permissions.
        expires_at: The time from which the key is refused.
        accounts: The only accounts that the key may use, at most `MAX_ACCOUNTS`; empty for all.
    """
    key = "txp_" + secrets.token_urlsafe(KEY_BYTES)
    row = connection.execute(
        f"INSERT INTO api_keys (id, key_sha256, name, scopes, expires_at, accounts)"
        f" VALUES (%s, %s, %s, %s, %s, %s) RETURNING {_COLUMNS}",
        (
            "key_" + secrets.token_hex(6),
            digest_of(key.encode(), limited=bool(accounts)),
            name,
            [scope.value for scope in scopes],
            expires_at,
            sorted(set(accounts)) or None,
        ),
    ).fetchone()
    assert row is not None
    return _key_of(row), key


def list_keys(connection: psycopg.Connection) -> list[ApiKey]:
    """Return all keys, oldest first."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_at, id")
    return [_key_of(row) for row in rows]


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
    return _key_of(row)


def find_keys(connection: psycopg.Connection, keys: Sequence[bytes]) -> list[ApiKey | UnusableKey]:
    """Look up keys by their secrets; return what each is, in the same order."""
    rows = connection.execute(
        f"SELECT key_sha256, coalesce(expires_at <= now(), false), {_COLUMNS} FROM api_keys"
        " WHERE key_sha256 = ANY (%s)",
        ([digest_of(key, limited=limited) for key in keys for limited in (False, True)],),
    )
    found = {digest: _usable(_key_of(row), expired=expired) for digest, expired, *row in rows}
    unknown = UnusableKey(KeyFault.UNKNOWN)
    return [
        found.get(digest_of(key)) or found.get(digest_of(key, limited=True)) or unknown
        for key in keys
    ]


def _usable(key: ApiKey, *, expired: bool) -> ApiKey | UnusableKey:
    if key.revoked_at is not None:
        return UnusableKey(KeyFault.REVOKED, key.id)
    return UnusableKey(KeyFault.EXPIRED, key.id) if expired else key


def note_use(connection: psycopg.Connection, key_id: str) -> None:
    """Store that a key is in use now."""
    connection.execute("UPDATE api_keys SET last_used_at = now() WHERE id = %s", (key_id,))


def _key_of(row: Sequence[Any]) -> ApiKey:
    key = ApiKey(*row)
    return key if key.accounts is None else replace(key, accounts=frozenset(key.accounts))
