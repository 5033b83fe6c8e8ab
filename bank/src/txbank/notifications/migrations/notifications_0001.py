"""Subscriptions of webhooks, and the deliveries to cardholders and subscribers."""

from alembic import op

revision = "notifications_0001"
down_revision = None

_TABLES = """
-- One row. Events from before the installation are no news, so nobody is told of them.
CREATE TABLE installation (
    installed_at  timestamptz NOT NULL DEFAULT now()
);
INSERT INTO installation DEFAULT VALUES;

CREATE TABLE subscriptions (
    subscription_id  text PRIMARY KEY,
    url              text NOT NULL,
    topics           text[] NOT NULL,
    secret           text NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now()
);

-- What is still to be delivered, or could not be. A row is deleted when its recipient has it.
CREATE TABLE deliveries (
    delivery_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription_id  text REFERENCES subscriptions ON DELETE CASCADE,  -- null: to the cardholder
    event_id         text NOT NULL,
    topic            text NOT NULL,
    account_id       text NOT NULL,
    body             bytea NOT NULL,
    traceparent      text NOT NULL,
    state            text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'failed')),
    attempts         integer NOT NULL DEFAULT 0,
    last_error       text,
    next_attempt_at  timestamptz NOT NULL DEFAULT now(),
    created_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX deliveries_due ON deliveries (subscription_id, next_attempt_at)
    WHERE state = 'waiting';
"""


def upgrade() -> None:
    """Create the tables."""
    op.execute(_TABLES)
