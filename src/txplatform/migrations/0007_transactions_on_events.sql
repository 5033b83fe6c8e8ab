-- The rest of a transaction's life is found by its id when a straggler of it comes. Its authorization
-- is found by its key, so that the many transactions that are only authorized take no room here.
ALTER TABLE events ADD COLUMN transaction_id text COLLATE "C";
CREATE INDEX events_transaction ON events (originator_id, transaction_id, originator_version)
    WHERE transaction_id IS NOT NULL;
COMMENT ON COLUMN events.transaction_id IS 'The transaction that a clearing, reversal, … is part of.';

-- As in 0006, with the transactions. A process of the version before calls it without them.
DROP FUNCTION append_events(text[], bigint[], text[], text[], bytea[]);
CREATE FUNCTION append_events(
    originator_ids text[], originator_versions bigint[], event_keys text[], topics text[], states bytea[],
    transaction_ids text[] DEFAULT NULL
) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    clashing text[];
BEGIN
    PERFORM pg_advisory_xact_lock(1954049127);

    -- Accounts whose new events do not follow on what is stored, nor on one another.
    SELECT coalesce(array_agg(DISTINCT i.originator_id), '{}') INTO clashing
    FROM unnest(originator_ids, originator_versions) AS i (originator_id, originator_version)
    WHERE i.originator_version > 1
      AND NOT EXISTS (
            SELECT FROM events e
            WHERE e.originator_id = i.originator_id AND e.originator_version = i.originator_version - 1
        )
      AND (i.originator_id, i.originator_version - 1) NOT IN (
            SELECT * FROM unnest(originator_ids, originator_versions)
        );

    IF clashing = '{}' THEN
        BEGIN
            INSERT INTO events (originator_id, originator_version, event_key, topic, state, transaction_id)
            SELECT i.originator_id, i.originator_version, i.event_key, i.topic, i.state, i.transaction_id
            FROM unnest(originator_ids, originator_versions, event_keys, topics, states, transaction_ids)
                 WITH ORDINALITY
                 AS i (originator_id, originator_version, event_key, topic, state, transaction_id, nth)
            ORDER BY i.nth;
            RETURN clashing;
        EXCEPTION WHEN unique_violation THEN
            NULL;  -- nothing was inserted: find out below whose version or key exists
        END;
    END IF;

    SELECT clashing || coalesce(array_agg(DISTINCT i.originator_id), '{}') INTO clashing
    FROM unnest(originator_ids, originator_versions, event_keys)
         AS i (originator_id, originator_version, event_key)
    WHERE i.originator_id <> ALL (clashing)
      AND (EXISTS (
            SELECT FROM events e
            WHERE e.originator_id = i.originator_id AND e.originator_version = i.originator_version
        )
        OR EXISTS (
            SELECT FROM events e
            WHERE e.originator_id = i.originator_id AND e.event_key = i.event_key
        ));

    INSERT INTO events (originator_id, originator_version, event_key, topic, state, transaction_id)
    SELECT i.originator_id, i.originator_version, i.event_key, i.topic, i.state, i.transaction_id
    FROM unnest(originator_ids, originator_versions, event_keys, topics, states, transaction_ids)
         WITH ORDINALITY
         AS i (originator_id, originator_version, event_key, topic, state, transaction_id, nth)
    WHERE i.originator_id <> ALL (clashing)
    ORDER BY i.nth;

    RETURN clashing;
END
$$;
