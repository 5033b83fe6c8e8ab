-- Snapshots: stored account states, so that a replay need not begin at the first event.

CREATE TABLE snapshots (
    originator_id      text COLLATE "C" NOT NULL,
    originator_version bigint NOT NULL CHECK (originator_version > 0),
    topic              text COLLATE "C" NOT NULL,
    state              bytea NOT NULL,
    taken_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    event_sha256       bytea CHECK (octet_length(event_sha256) = 32),
    PRIMARY KEY (originator_id, topic, originator_version)
);

COMMENT ON TABLE snapshots IS
    'Account states, the newest two per account. They can be rebuilt from the log at any time.';
COMMENT ON COLUMN snapshots.topic IS 'account@<hash of the declared fields>. Snapshots with another hash are ignored.';
COMMENT ON COLUMN snapshots.event_sha256 IS
    'The SHA-256 of the state of the event at this version. A snapshot counts only while the log has this event.';

-- Store snapshots, and delete all but the newest two of each of these accounts. A snapshot is stored
-- only if the log has the event that the account was at. After a failover, the log may have lost that
-- event, while a process still holds the snapshot.
--
-- Sessions that store snapshots of the same accounts cannot deadlock: rows are inserted in order of
-- account, and rows that another session is deleting are skipped.
--
-- The function runs as the owner of the table, so the service needs no privilege to delete snapshots.
CREATE FUNCTION store_snapshots(
    originator_ids text[], originator_versions bigint[], topics text[], states bytea[], event_states bytea[]
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO snapshots (originator_id, originator_version, topic, state, event_sha256)
    SELECT i.originator_id, i.originator_version, i.topic, i.state, sha256(i.event_state)
    FROM unnest(originator_ids, originator_versions, topics, states, event_states)
         AS i (originator_id, originator_version, topic, state, event_state)
    WHERE i.event_state = (
        SELECT e.state FROM events e
        WHERE e.originator_id = i.originator_id AND e.originator_version = i.originator_version
    )
    ORDER BY i.originator_id
    ON CONFLICT DO NOTHING;

    WITH old AS (
        SELECT s.originator_id, s.topic, s.originator_version
        FROM unnest(originator_ids) AS i (originator_id)
        CROSS JOIN LATERAL (
            SELECT originator_version FROM snapshots WHERE originator_id = i.originator_id
            ORDER BY originator_version DESC OFFSET 1 LIMIT 1
        ) AS second
        JOIN snapshots s
            ON s.originator_id = i.originator_id AND s.originator_version < second.originator_version
        FOR UPDATE OF s SKIP LOCKED
    )
    DELETE FROM snapshots s USING old
    WHERE (s.originator_id, s.topic, s.originator_version) = (old.originator_id, old.topic, old.originator_version);
END
$$;

DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION store_snapshots SET search_path = %I, pg_temp', current_schema());
END
$$;
REVOKE EXECUTE ON FUNCTION store_snapshots FROM PUBLIC;
GRANT EXECUTE ON FUNCTION store_snapshots TO txplatform_service;
GRANT SELECT ON snapshots TO txplatform_service;
