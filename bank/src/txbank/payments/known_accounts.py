"""The opening times of accounts, copied from the accounts service's messages.

The risk check needs the age of an account. It must not wait for another service, nor fail with it,
so this service keeps a copy of its own, which may be a moment behind.
"""

from datetime import UTC, datetime

from txbank.database import Connection
from txplatform_client.kafka import AccountOpened, Envelope
from txplatform_client.kafka.records import Message


def remember_account(connection: Connection, envelope: Envelope[Message]) -> None:
    """Store currency and time of an opening. A copy changes nothing: an account opens once."""
    assert isinstance(envelope.message, AccountOpened)
    opened = envelope.message
    connection.execute(
        "INSERT INTO known_accounts VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (opened.account_id, opened.currency, opened.opened_at or datetime.now(UTC)),
    )
