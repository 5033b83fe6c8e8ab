-- The event log, the role of the service, and the function that appends every event.

DO $$
BEGIN
    -- Roles belong to the whole server, so another database may have created this role already.
    CREATE ROLE txplatform_service NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;

CREATE TABLE events (
    position           bigint GENERATED ALWAYS AS IDENTITY,
    originator_id      text COLLATE "C" NOT NULL,
    originator_version bigint NOT NULL CHECK (originator_version > 0),
    event_key          text COLLATE "C" NOT NULL,
    topic              text COLLATE "C" NOT NULL,
    state              bytea NOT NULL,
    recorded_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    transaction_id     text COLLATE "C",
    PRIMARY KEY (originator_id, originator_version),
    UNIQUE (originator_id, event_key)
);
CREATE INDEX events_position ON events (position);
CREATE INDEX events_transaction ON events (originator_id, transaction_id, originator_version)
    WHERE transaction_id IS NOT NULL;

COMMENT ON TABLE events IS 'The log: the events of all accounts. Append-only.';
COMMENT ON COLUMN events.position IS 'The event''s position in the log: ascending, with gaps.';
COMMENT ON COLUMN events.originator_id IS 'The account''s stream: account-<account id>.';
COMMENT ON COLUMN events.originator_version IS 'The account''s version after the event, from 1, without gaps.';
COMMENT ON COLUMN events.event_key IS '<kind>:<business id>. Unique per account, so that nothing takes effect twice.';
COMMENT ON COLUMN events.topic IS 'The kind of event: the TOPIC of its Python class.';
COMMENT ON COLUMN events.state IS 'The event''s other fields as JSON in UTF-8.';
COMMENT ON COLUMN events.transaction_id IS
    'The transaction of a clearing, reversal, refund, …. Null for authorizations, which are looked up by'
    ' event key. So the many transactions that are only authorized take no space in the index.';

-- The number of events per account varies widely and changes all the time. From its own statistics,
-- the planner may conclude that every account has one event. To look up one version, it would then
-- read an account's whole history through the wrong index.
ALTER TABLE events ALTER COLUMN originator_id SET (n_distinct = -0.01);

CREATE FUNCTION refuse_change_of_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only: % on % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_log();

-- Append events to the log. An account's events are appended all or none, and only directly after
-- the account's last version. Return the accounts with a conflict: one of the new versions or event
-- keys exists already, or the version before is missing. All other accounts' events are appended.
--
-- Positions are assigned under the advisory lock ("txlg"), which is held until the commit is
-- visible. So when a position is visible, every lower position is visible too: readers need no lock
-- and never skip a transaction that commits late. In autocommit mode, lock, insert and commit are
-- one round trip, so a client that freezes cannot keep the lock. Each statement below sees
-- everything committed before the lock was granted (READ COMMITTED), so the check is exact.
--
-- Existing versions and keys are rare. They violate a unique constraint and are looked up only then.
CREATE FUNCTION append_events(
    originator_ids text[], originator_versions bigint[], event_keys text[], topics text[], states bytea[],
    transaction_ids text[]
) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    conflicting text[];
BEGIN
    PERFORM pg_advisory_xact_lock(1954049127);

    -- Accounts with a gap before one of their new versions.
    SELECT coalesce(array_agg(DISTINCT i.originator_id), '{}') INTO conflicting
    FROM unnest(originator_ids, originator_versions) AS i (originator_id, originator_version)
    WHERE i.originator_version > 1
      AND NOT EXISTS (
            SELECT FROM events e
            WHERE e.originator_id = i.originator_id AND e.originator_version = i.originator_version - 1
        )
      AND (i.originator_id, i.originator_version - 1) NOT IN (
            SELECT * FROM unnest(originator_ids, originator_versions)
        );

    IF conflicting = '{}' THEN
        BEGIN
            INSERT INTO events (originator_id, originator_version, event_key, topic, state, transaction_id)
            SELECT i.originator_id, i.originator_version, i.event_key, i.topic, i.state, i.transaction_id
            FROM unnest(originator_ids, originator_versions, event_keys, topics, states, transaction_ids)
                 WITH ORDINALITY
                 AS i (originator_id, originator_version, event_key, topic, state, transaction_id, nth)
            ORDER BY i.nth;
            RETURN conflicting;
        EXCEPTION WHEN unique_violation THEN
            NULL;  -- Nothing was inserted. Look up the accounts with a conflict below.
        END;
    END IF;

    SELECT conflicting || coalesce(array_agg(DISTINCT i.originator_id), '{}') INTO conflicting
    FROM unnest(originator_ids, originator_versions, event_keys)
         AS i (originator_id, originator_version, event_key)
    WHERE i.originator_id <> ALL (conflicting)
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
    WHERE i.originator_id <> ALL (conflicting)
    ORDER BY i.nth;

    RETURN conflicting;
END
$$;

GRANT SELECT, INSERT ON events TO txplatform_service;
