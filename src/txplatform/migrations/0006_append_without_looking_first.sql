-- Appending looks up what it would clash with only where something clashes, which is rare: the
-- unique constraints find that out by themselves.

-- How many events an account has differs from hour to hour and from account to account. Left to
-- itself the planner can come to believe that there is one each, and then reads an account's whole
-- history by the wrong index where it was to look up one version.
ALTER TABLE events ALTER COLUMN originator_id SET (n_distinct = -0.01);
ANALYZE events;

-- As in 0001: appends events to the log, each account's all or none, and only onto the version
-- right before them; returns the accounts that were left out. The lock ("txlg") is held until the
-- commit is visible, and positions are given out under it.
CREATE OR REPLACE FUNCTION append_events(
    originator_ids text[], originator_versions bigint[], event_keys text[], topics text[], states bytea[]
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
            INSERT INTO events (originator_id, originator_version, event_key, topic, state)
            SELECT i.originator_id, i.originator_version, i.event_key, i.topic, i.state
            FROM unnest(originator_ids, originator_versions, event_keys, topics, states) WITH ORDINALITY
                 AS i (originator_id, originator_version, event_key, topic, state, nth)
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

    INSERT INTO events (originator_id, originator_version, event_key, topic, state)
    SELECT i.originator_id, i.originator_version, i.event_key, i.topic, i.state
    FROM unnest(originator_ids, originator_versions, event_keys, topics, states) WITH ORDINALITY
         AS i (originator_id, originator_version, event_key, topic, state, nth)
    WHERE i.originator_id <> ALL (clashing)
    ORDER BY i.nth;

    RETURN clashing;
END
$$;
