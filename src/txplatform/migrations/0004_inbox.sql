-- The inbox: every message received from Kafka with its outcome, and a position for each partition.

CREATE TABLE inbound_positions (
    cluster_id  text COLLATE "C" NOT NULL,
    topic       text COLLATE "C" NOT NULL,
    partition   integer NOT NULL,
    topic_id    text COLLATE "C" NOT NULL,
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    moved_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cluster_id, topic, partition)
) WITH (fillfactor = 50);

COMMENT ON TABLE inbound_positions IS
    'The consumer''s position in each partition. The transaction that stores the outcomes moves it.';
COMMENT ON COLUMN inbound_positions.topic_id IS 'The broker''s id of the topic. A recreated topic has a new id.';
COMMENT ON COLUMN inbound_positions.next_offset IS 'The next offset to read.';

CREATE TABLE inbound_messages (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cluster_id      text COLLATE "C" NOT NULL,
    topic           text COLLATE "C" NOT NULL,
    topic_id        text COLLATE "C" NOT NULL,
    partition       integer NOT NULL,
    "offset"        bigint NOT NULL,
    sent_at         timestamptz,
    key             bytea,
    headers         jsonb NOT NULL,
    body            bytea,
    content_hmac    bytea NOT NULL CHECK (octet_length(content_hmac) = 32),
    withheld        boolean NOT NULL,
    traceparent     text COLLATE "C" NOT NULL,
    account_id      text COLLATE "C",
    business_key    text COLLATE "C",
    first_status    text COLLATE "C" NOT NULL,
    status          text COLLATE "C" NOT NULL,
    reason          text COLLATE "C",
    detail          text,
    event_id        text COLLATE "C",
    account_version bigint,
    flags           text[] COLLATE "C" NOT NULL DEFAULT '{}',
    received_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    resolved_at     timestamptz,
    resolution      text,
    UNIQUE (cluster_id, topic_id, topic, partition, "offset"),
    CHECK (first_status IN ('applied', 'waiting', 'duplicate', 'stale', 'ignored', 'parked', 'discarded')),
    CHECK (status IN ('applied', 'waiting', 'duplicate', 'stale', 'ignored', 'parked', 'discarded'))
);
CREATE INDEX inbound_messages_account ON inbound_messages (account_id, id);
CREATE INDEX inbound_messages_topic ON inbound_messages (topic, id);
CREATE INDEX inbound_messages_unusual ON inbound_messages (status, id) WHERE status <> 'applied';
CREATE INDEX inbound_messages_refused ON inbound_messages (content_hmac, id)
    WHERE status IN ('parked', 'discarded', 'waiting');
CREATE INDEX inbound_messages_parked ON inbound_messages (id) WHERE first_status = 'parked';
CREATE INDEX inbound_messages_waited ON inbound_messages (business_key, account_id)
    WHERE first_status = 'waiting';

COMMENT ON TABLE inbound_messages IS 'Every message received from Kafka, with its outcome.';
COMMENT ON COLUMN inbound_messages.id IS
    'Assigned under the log''s lock: when an id is visible, every lower id is visible too.';
COMMENT ON COLUMN inbound_messages.headers IS '[[name, base64 of the value or null], ...]';
COMMENT ON COLUMN inbound_messages.body IS 'As received. Null for a tombstone, or if it was withheld.';
COMMENT ON COLUMN inbound_messages.content_hmac IS
    'HMAC-SHA-256 of key and body, with a key of the installation. Copies in a topic have the same.';
COMMENT ON COLUMN inbound_messages.withheld IS
    'True if the key, a header or the body held a card number; that part is not stored.';
COMMENT ON COLUMN inbound_messages.flags IS 'The flags of the event that the message caused.';
COMMENT ON COLUMN inbound_messages.business_key IS
    'The event key of the message''s command. Null if the message is invalid.';
COMMENT ON COLUMN inbound_messages.first_status IS 'The outcome when the message was received. Never changed.';
COMMENT ON COLUMN inbound_messages.status IS
    'The current outcome, except for waiting messages: an event under the business key ends their wait.';
COMMENT ON COLUMN inbound_messages.resolution IS 'The operator''s reason for discarding the message.';

GRANT SELECT, INSERT, UPDATE, DELETE ON inbound_positions TO txplatform_service;
GRANT SELECT, INSERT ON inbound_messages TO txplatform_service;
GRANT UPDATE (status, reason, detail, event_id, account_version, flags, resolved_at, resolution)
    ON inbound_messages TO txplatform_service;
