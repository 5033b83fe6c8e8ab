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

CREATE SEQUENCE parked_numbers;

CREATE TABLE inbound_messages (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cluster_id      text COLLATE "C" NOT NULL,
    topic           text COLLATE "C" NOT NULL,
    topic_id        text COLLATE "C" NOT NULL,
    partition       integer NOT NULL,
    "offset"        bigint NOT NULL,
    sent_at         timestamptz,
    key             bytea,
    withheld        boolean NOT NULL,
    content_hmac    bytea NOT NULL CHECK (octet_length(content_hmac) = 32),
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
    resolved_by     text,
    resolution      text,
    parked_number   bigint,
    UNIQUE (cluster_id, topic_id, topic, partition, "offset"),
    CHECK (first_status IN ('applied', 'waiting', 'duplicate', 'stale', 'ignored', 'parked', 'discarded')),
    CHECK (status IN ('applied', 'waiting', 'duplicate', 'stale', 'ignored', 'parked', 'discarded'))
);
CREATE INDEX inbound_messages_account ON inbound_messages (account_id, id);
CREATE INDEX inbound_messages_topic ON inbound_messages (topic, id);
CREATE INDEX inbound_messages_business_id
    ON inbound_messages (substr(business_key, strpos(business_key, ':') + 1), id)
    WHERE business_key IS NOT NULL;
CREATE INDEX inbound_messages_unusual ON inbound_messages (status, id) WHERE status <> 'applied';
CREATE INDEX inbound_messages_refused ON inbound_messages (content_hmac, id)
    WHERE status IN ('parked', 'discarded', 'waiting');
CREATE INDEX inbound_messages_parked ON inbound_messages (parked_number)
    WHERE parked_number IS NOT NULL;
CREATE INDEX inbound_messages_unsettled_changes ON inbound_messages (topic, id)
    WHERE status IN ('parked', 'waiting')
    AND topic IN ('accounts.account-status-changed.v1', 'accounts.credit-limit-changed.v1');
CREATE INDEX inbound_messages_deferred ON inbound_messages (account_id, id)
    WHERE status = 'waiting' AND reason IS NOT NULL;
CREATE INDEX inbound_messages_waited ON inbound_messages (business_key, account_id)
    WHERE first_status = 'waiting';

COMMENT ON TABLE inbound_messages IS 'Every message received from Kafka, with its outcome.';
COMMENT ON COLUMN inbound_messages.id IS
    'Assigned under the log''s lock: when an id is visible, every lower id is visible too.';
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
COMMENT ON COLUMN inbound_messages.reason IS
    'Why the message was parked or discarded. A waiting message with a reason is deferred: it is tried again.';
COMMENT ON COLUMN inbound_messages.parked_number IS
    'Assigned under the log''s lock when the message is parked. Dead letters are published in this order.';
COMMENT ON COLUMN inbound_messages.resolved_by IS 'Who retried or discarded the message last: a key, an operator or the consumer.';
COMMENT ON COLUMN inbound_messages.resolution IS 'The operator''s reason for discarding the message.';

-- The contents of messages, by month. Old months are dropped, while the outcomes stay.
CREATE TABLE inbound_contents (
    message_id  bigint NOT NULL,
    received_at timestamptz NOT NULL,
    headers     jsonb NOT NULL,
    body        bytea,
    PRIMARY KEY (message_id, received_at)
) PARTITION BY RANGE (received_at);

COMMENT ON TABLE inbound_contents IS 'The contents of inbound messages, with a partition for each month.';
COMMENT ON COLUMN inbound_contents.received_at IS 'As in inbound_messages.';
COMMENT ON COLUMN inbound_contents.headers IS '[[name, base64 of the value or null], ...]';
COMMENT ON COLUMN inbound_contents.body IS 'As received. Null for a tombstone, or if it was withheld.';

-- Create the partitions of this month and of the next one, and drop those whose messages are all
-- older than a number of days. Return the names of the dropped partitions.
--
-- The function runs as the owner of the table, since only an owner can drop a partition. If another
-- session runs it at the same time, it does nothing.
CREATE FUNCTION keep_inbound_contents(days integer) RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    partition_name text;
    dropped text[] := '{}';
BEGIN
    IF days < 31 THEN
        RAISE EXCEPTION 'contents are kept for at least 31 days';
    END IF;
    IF NOT pg_try_advisory_xact_lock(1954048355) THEN
        RETURN dropped;
    END IF;
    FOR n IN 0..1 LOOP
        partition_name := to_char(month + n * interval '1 month', '"inbound_contents_"YYYY_MM');
        IF to_regclass(partition_name) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE %I PARTITION OF inbound_contents FOR VALUES FROM (%L) TO (%L)',
                partition_name,
                (month + n * interval '1 month') AT TIME ZONE 'UTC',
                (month + (n + 1) * interval '1 month') AT TIME ZONE 'UTC'
            );
        END IF;
    END LOOP;
    FOR partition_name IN
        SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'inbound_contents'::regclass
          AND (to_date(right(relname, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC'
              <= now() - days * interval '1 day'
        ORDER BY relname
    LOOP
        EXECUTE format('DROP TABLE %I', partition_name);
        dropped := dropped || partition_name;
    END LOOP;
    RETURN dropped;
END
$$;

DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION keep_inbound_contents SET search_path = %I, pg_temp', current_schema());
    PERFORM keep_inbound_contents(31);
END
$$;
REVOKE EXECUTE ON FUNCTION keep_inbound_contents FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keep_inbound_contents TO txplatform_service;
GRANT SELECT, INSERT ON inbound_contents TO txplatform_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON inbound_positions TO txplatform_service;
GRANT SELECT, INSERT ON inbound_messages TO txplatform_service;
GRANT UPDATE (
    status, reason, detail, event_id, account_version, flags, resolved_at, resolved_by, resolution,
    parked_number
) ON inbound_messages TO txplatform_service;
GRANT USAGE ON SEQUENCE parked_numbers TO txplatform_service;
