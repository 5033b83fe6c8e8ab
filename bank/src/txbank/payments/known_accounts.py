"""The opening times of accounts, copied from the accounts service's messages.

The risk check needs the age of an account. It must not wait for another service, nor fail with it,
so this service keeps a copy of its own, which may be a moment behind.
"""

import time
from datetime import UTC, datetime

from txbank.database import Connection, Database
from txplatform_client.kafka import AccountOpened, Envelope
from txplatform_client.kafka.records import Message

_WAIT_S, _POLL_S = 1.0, 0.05


def wait_for_account(database: Database, account_id: str) -> None:
    """Wait a second at most until an account is known, since one may pay just after the opening."""
    ends = time.monotonic() + _WAIT_S
    while time.monotonic() < ends:
        time.sleep(_POLL_S)
        with database.transaction() as connection:
            if is_known(connection, account_id):
                return


def is_known(connection: Connection, account_id: str) -> bool:
    """Return whether the opening of an account has been read."""
    found = connection.execute("SELECT 1 FROM known_accounts WHERE account_id = %s", (account_id,))
    return found.fetchone() is not None


def remember_account(connection: Connection, envelope: Envelope[Message]) -> None:
    """Store currency and time of an opening. A copy changes nothing: an account opens once."""
    assert isinstance(envelope.message, AccountOpened)
    opened = envelope.message
    connection.execute(
        "INSERT INTO known_accounts VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (opened.account_id, opened.currency, opened.opened_at or datetime.now(UTC)),
    )
