"""Check that a client can call the API."""

from __future__ import annotations

import psycopg

from txplatform.doctor.finding import Finding, ok, warning

_VALID = """
SELECT count(*) FROM api_keys
WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
"""


def check_api_keys(connection: psycopg.Connection) -> list[Finding]:
    """Warn if no API key is valid."""
    row = connection.execute(_VALID).fetchone()
    if row is None or not row[0]:
        return [
            warning(
                "api keys",
                "There is no valid API key: the API refuses every request.",
                "Run `txplatform keys create --name NAME --scope transactions:write`.",
            )
        ]
    return [ok("api keys", f"{row[0]} valid.")]
