-- The log: every account's events, for ever, and the snapshots that spare a replay.

DO $$
BEGIN
    -- Roles belong to the whole server: another database may have made this one already.
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
    PRIMARY KEY (originator_id, originator_version),
    UNIQUE (originator_id, event_key)
);
CREATE INDEX events_position ON events (position);

COMMENT ON TABLE events IS 'The log. Append-only: the events of all accounts.';
COMMENT ON COLUMN events.position IS 'Order of the log; grows, with gaps.';
COMMENT ON COLUMN events.originator_id IS 'account-<account id>';
COMMENT ON COLUMN events.originator_version IS 'The account''s version after the event, from 1, without gaps.';
COMMENT ON COLUMN events.event_key IS '<kind>:<business id>; one effect per key, for ever.';
COMMENT ON COLUMN events.state IS 'The event''s facts, JSON in UTF-8.';

CREATE TABLE snapshots (
    originator_id      text COLLATE "C" NOT NULL,
    originator_version bigint NOT NULL CHECK (originator_version > 0),
    topic              text COLLATE "C" NOT NULL,
    state              bytea NOT NULL,
    taken_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (originator_id, topic, originator_version)
);

COMMENT ON TABLE snapshots IS 'Account states that can be made again from the log at any time.';
COMMENT ON COLUMN snapshots.topic IS 'account@<shape>: another shape is ignored, never misread.';

CREATE FUNCTION refuse_change_of_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only: % on % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_log();

-- Appends events to the log, each account's all or none, and only onto the version right before
-- them. Returns the accounts that were left out because a version or a business key of theirs
-- exists already; the others are in.
--
-- The advisory lock ("txlg") is held until the commit is visible, and positions are given out
-- under it: a reader that sees a position has seen every lower one, needs no lock and cannot
-- skip a late commit. As one statement, lock, check, insert and commit are one round trip, and
-- a client that freezes cannot hold the lock. Each statement below sees what was committed
-- before the lock was granted (READ COMMITTED), so the check is exact.
CREATE FUNCTION append_events(
    originator_ids text[], originator_versions bigint[], event_keys text[], topics text[], states bytea[]
) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    clashing text[];
BEGIN
    PERFORM pg_advisory_xact_lock(1954049127);

    SELECT coalesce(array_agg(DISTINCT i.originator_id), '{}') INTO clashing
    FROM unnest(originator_ids, originator_versions, event_keys)
         AS i (originator_id, originator_version, event_key)
    WHERE EXISTS (
            SELECT FROM events e
            WHERE e.originator_id = i.originator_id AND e.originator_version = i.originator_version
        )
       OR EXISTS (
            SELECT FROM events e
            WHERE e.originator_id = i.originator_id AND e.event_key = i.event_key
        )
       OR i.originator_version > 1
          AND NOT EXISTS (
            SELECT FROM events e
            WHERE e.originator_id = i.originator_id AND e.originator_version = i.originator_version - 1
        )
          AND (i.originator_id, i.originator_version - 1) NOT IN (
            SELECT * FROM unnest(originator_ids, originator_versions)
        );

    INSERT INTO events (originator_id, originator_version, event_key, topic, state)
    SELECT i.originator_id, i.originator_version, i.event_key, i.topic, i.state
    FROM unnest(originator_ids, originator_versions, event_keys, topics, states) WITH ORDINALITY
         AS i (originator_id, originator_version, event_key, topic, state, nth)
    WHERE i.originator_id <> ALL (clashing)
    ORDER BY i.nth;

    RETURN clashing;
END
$$;

GRANT SELECT, INSERT ON events TO txplatform_service;
GRANT SELECT, INSERT ON snapshots TO txplatform_service;
