-- The event log, and the function that appends every event.

CREATE TABLE events (
    position           bigint GENERATED ALWAYS AS IDENTITY,
    originator_version bigint NOT NULL CHECK (originator_version > 0),
    recorded_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    pending_change     bigint NOT NULL,
    posted_change      bigint,
    expires_at         timestamptz,
    originator_id      text COLLATE "C" NOT NULL,
    event_key          text COLLATE "C" NOT NULL,
    topic              text COLLATE "C" NOT NULL,
    transaction_id     text COLLATE "C",
    state              bytea NOT NULL,
    PRIMARY KEY (originator_id, originator_version),
    -- The account comes last, so that only the primary key begins with it. Otherwise the planner may
    -- look an account's version up in another index, and read the account's whole history.
    UNIQUE (event_key, originator_id)
);
CREATE INDEX events_position ON events (position);
CREATE INDEX events_transaction ON events (transaction_id, originator_id, originator_version)
    WHERE transaction_id IS NOT NULL;
-- Begins with the account as the primary key does, but serves only statements about postings.
CREATE INDEX events_posting ON events (originator_id, recorded_at, originator_version)
    WHERE posted_change IS NOT NULL;

COMMENT ON TABLE events IS 'The log: the events of all accounts. Append-only.';
COMMENT ON COLUMN events.position IS 'The event''s position in the log: ascending, with gaps.';
COMMENT ON COLUMN events.originator_id IS 'The account''s stream: account-<account id>.';
COMMENT ON COLUMN events.originator_version IS 'The account''s version after the event, from 1, without gaps.';
COMMENT ON COLUMN events.event_key IS '<kind>:<business id>. Unique per account, so that nothing takes effect twice.';
COMMENT ON COLUMN events.topic IS 'The kind of event: the TOPIC of its Python class.';
COMMENT ON COLUMN events.state IS 'The event''s other fields as JSON in UTF-8.';
COMMENT ON COLUMN events.transaction_id IS
    'The transaction of a clearing, reversal, refund, …. Null for authorizations, which are looked up by'
    ' event key. So the many transactions that are only authorized take no space in the index. For the'
    ' correction of a clearing or refund without a transaction: corrections of <id>.';

COMMENT ON COLUMN events.pending_change IS
    'The change of the account''s holds, as the event states it. The read models copy it.';
COMMENT ON COLUMN events.posted_change IS
    'The change of the amount owed, as the event states it. Null for events that post nothing, so that'
    ' purchases take no space in the index of postings.';
COMMENT ON COLUMN events.expires_at IS 'When the event''s hold expires, as the event states it.';

CREATE FUNCTION refuse_change_of_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only: % on % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_log();

-- Append events to the log. An account's events are appended all or none, and only directly after
-- the account's last version. Return the accounts with a conflict: their first new version is not the
-- next one, or one of the event keys exists already. All other accounts' events are appended.
--
-- Positions are assigned under the advisory lock ("txlg"), which is held until the commit is
-- visible. So when a position is visible, every lower position is visible too: readers need no lock
-- and never skip a transaction that commits late. In autocommit mode, lock, insert and commit are
-- one round trip, so a client that freezes cannot keep the lock. Each statement below sees
-- everything committed before the lock was granted (READ COMMITTED), so the check is exact.
--
-- Conflicts are rare, so they are looked up only if not all events could be inserted. No look-up can
-- use another index than the intended one, whatever the planner believes about the table: the newest
-- version is the first in the order of the primary key, and a comparison of rows needs an index that
-- begins with the first column of the row.
--
-- The function runs as the owner of the log, so the service needs no privilege to insert events, and
-- cannot choose their position or time.
CREATE FUNCTION append_events(
    originator_ids text[], originator_versions bigint[], event_keys text[], topics text[], states bytea[],
    transaction_ids text[], pending_changes bigint[], posted_changes bigint[],
    expiry_times timestamptz[]
) RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    appended bigint;
    conflicting text[];
BEGIN
    PERFORM pg_advisory_xact_lock(1954049127);

    BEGIN
        INSERT INTO events (originator_id, originator_version, event_key, topic, state, transaction_id,
                            pending_change, posted_change, expires_at)
        SELECT i.originator_id, i.originator_version, i.event_key, i.topic, i.state, i.transaction_id,
               i.pending_change, i.posted_change, i.expires_at
        FROM unnest(originator_ids, originator_versions, event_keys, topics, states, transaction_ids,
                    pending_changes, posted_changes, expiry_times) WITH ORDINALITY
             AS i (originator_id, originator_version, event_key, topic, state, transaction_id,
                   pending_change, posted_change, expires_at, nth)
        -- Only an account's first event looks the account's last version up.
        WHERE (i.originator_id, i.originator_version - 1) IN (
                SELECT * FROM unnest(originator_ids, originator_versions)
            )
           OR i.originator_version = 1 + coalesce((
                SELECT e.originator_version FROM events e WHERE e.originator_id = i.originator_id
                ORDER BY e.originator_version DESC LIMIT 1
            ), 0)
        ORDER BY i.nth;
        GET DIAGNOSTICS appended = ROW_COUNT;
        IF appended = cardinality(originator_ids) THEN
            RETURN '{}';
        END IF;
        RAISE unique_violation;  -- undoes the insert
    EXCEPTION WHEN unique_violation THEN
        NULL;  -- The accounts with a conflict are looked up below.
    END;

    SELECT coalesce(array_agg(DISTINCT i.originator_id), '{}') INTO conflicting
    FROM unnest(originator_ids, originator_versions, event_keys)
         AS i (originator_id, originator_version, event_key)
    WHERE NOT ((i.originator_id, i.originator_version - 1) IN (
                SELECT * FROM unnest(originator_ids, originator_versions)
            )
            OR i.originator_version = 1 + coalesce((
                SELECT e.originator_version FROM events e WHERE e.originator_id = i.originator_id
                ORDER BY e.originator_version DESC LIMIT 1
            ), 0))
       OR EXISTS (
            SELECT FROM events e
            WHERE (e.event_key, e.originator_id) >= (i.event_key, i.originator_id)
              AND (e.event_key, e.originator_id) <= (i.event_key, i.originator_id)
        );

    INSERT INTO events (originator_id, originator_version, event_key, topic, state, transaction_id,
                        pending_change, posted_change, expires_at)
    SELECT i.originator_id, i.originator_version, i.event_key, i.topic, i.state, i.transaction_id,
           i.pending_change, i.posted_change, i.expires_at
    FROM unnest(originator_ids, originator_versions, event_keys, topics, states, transaction_ids,
                pending_changes, posted_changes, expiry_times) WITH ORDINALITY
         AS i (originator_id, originator_version, event_key, topic, state, transaction_id,
               pending_change, posted_change, expires_at, nth)
    WHERE i.originator_id <> ALL (conflicting)
    ORDER BY i.nth;

    RETURN conflicting;
END
$$;

-- Names in the function mean the objects of this schema, not the temporary tables of a caller.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION append_events SET search_path = %I, pg_temp', current_schema());
END
$$;
REVOKE EXECUTE ON FUNCTION append_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION append_events TO txplatform_service;
GRANT SELECT ON events TO txplatform_service;
