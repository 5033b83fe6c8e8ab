"""The tables that every service has: API keys, outbox and inbox."""

from alembic import op

from txplatform_client.kafka import SeenEvents

revision = "frame_0001"
down_revision = None

_TABLES = """
-- Only the SHA-256 digest of a key is stored.
CREATE TABLE api_keys (
    id          uuid PRIMARY KEY,
    name        text NOT NULL,
    key_sha256  bytea NOT NULL UNIQUE,
    scopes      text[] NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    revoked_at  timestamptz
);

-- Kafka records that are committed and not yet acknowledged by the brokers. Within an account, ids
-- grow in the order of the commits (txbank/outbox.py).
CREATE TABLE outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic       text NOT NULL,
    key         bytea NOT NULL,
    value       bytea NOT NULL,
    headers     jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

-- Messages that cannot be read. They hold up no other message.
CREATE TABLE unreadable_messages (
    topic        text NOT NULL,
    partition    integer NOT NULL,
    "offset"     bigint NOT NULL,
    reason       text NOT NULL,
    key          bytea,
    value        bytea,
    received_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, "offset")
);
"""


def upgrade() -> None:
    """Create the tables."""
    op.execute(_TABLES)
    op.execute(SeenEvents.TABLE)
