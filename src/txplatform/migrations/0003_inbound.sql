-- What came in from Kafka: every message with what became of it, and how far each partition is read.

CREATE TABLE inbound_positions (
    cluster_id  text COLLATE "C" NOT NULL,
    topic       text COLLATE "C" NOT NULL,
    partition   integer NOT NULL,
    topic_id    text COLLATE "C" NOT NULL,
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    moved_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cluster_id, topic, partition)
) WITH (fillfactor = 50);

COMMENT ON TABLE inbound_positions IS 'How far each partition is read; moves in the transaction of what it brought.';
COMMENT ON COLUMN inbound_positions.topic_id IS 'The broker''s id of the topic: a recreated topic has another.';
COMMENT ON COLUMN inbound_positions.next_offset IS 'The offset that is read next.';

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
    content_sha256  bytea NOT NULL CHECK (octet_length(content_sha256) = 32),
    traceparent     text COLLATE "C" NOT NULL,
    account_id      text COLLATE "C",
    business_key    text COLLATE "C",
    first_status    text COLLATE "C" NOT NULL,
    status          text COLLATE "C" NOT NULL,
    reason          text COLLATE "C",
    detail          text,
    event_id        text COLLATE "C",
    account_version bigint,
    received_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    resolved_at     timestamptz,
    resolution      text,
    UNIQUE (cluster_id, topic_id, topic, partition, "offset"),
    CHECK (first_status IN ('applied', 'waiting', 'duplicate', 'stale', 'parked', 'discarded')),
    CHECK (status IN ('applied', 'waiting', 'duplicate', 'stale', 'parked', 'discarded'))
);
CREATE INDEX inbound_messages_account ON inbound_messages (account_id, id);
CREATE INDEX inbound_messages_topic ON inbound_messages (topic, id);
CREATE INDEX inbound_messages_unusual ON inbound_messages (status, id) WHERE status <> 'applied';
CREATE INDEX inbound_messages_refused ON inbound_messages (content_sha256)
    WHERE status IN ('parked', 'discarded', 'waiting');
CREATE INDEX inbound_messages_parked ON inbound_messages (id) WHERE first_status = 'parked';
CREATE INDEX inbound_messages_waited ON inbound_messages (account_id, business_key)
    WHERE first_status = 'waiting';

COMMENT ON TABLE inbound_messages IS 'Every message from Kafka and what became of it.';
COMMENT ON COLUMN inbound_messages.id IS 'Given out under the log''s lock: who sees an id has seen every lower one.';
COMMENT ON COLUMN inbound_messages.headers IS '[[name, base64 of the value or null], ...]';
COMMENT ON COLUMN inbound_messages.body IS 'As it came; null for a tombstone.';
COMMENT ON COLUMN inbound_messages.business_key IS 'The event key it claims; null where the body cannot be read.';
COMMENT ON COLUMN inbound_messages.first_status IS 'What became of it when it came; never changed.';
COMMENT ON COLUMN inbound_messages.status IS 'A waiting one is settled by the log: a later event under its business key.';
COMMENT ON COLUMN inbound_messages.resolution IS 'Why a person discarded it.';

GRANT SELECT, INSERT, UPDATE, DELETE ON inbound_positions TO txplatform_service;
GRANT SELECT, INSERT ON inbound_messages TO txplatform_service;
GRANT UPDATE (status, reason, detail, event_id, account_version, resolved_at, resolution)
    ON inbound_messages TO txplatform_service;
