-- The rule book: who added, activated and shadowed which rule set, when and why.
--
-- The rule book is its own short event stream, which every process that decides reads.

CREATE TABLE ruleset_events (
    version     bigint PRIMARY KEY CHECK (version > 0),
    event_id    text COLLATE "C" NOT NULL UNIQUE,
    event_key   text COLLATE "C" NOT NULL UNIQUE,
    topic       text COLLATE "C" NOT NULL,
    state       bytea NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE ruleset_events IS 'The rule book. Append-only.';
COMMENT ON COLUMN ruleset_events.version IS 'The event''s number in the rule book, from 1, without gaps.';
COMMENT ON COLUMN ruleset_events.event_key IS '<kind>:<id>. Unique, so that nothing takes effect twice.';
COMMENT ON COLUMN ruleset_events.state IS 'The event''s other fields as JSON in UTF-8.';

CREATE TRIGGER ruleset_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ruleset_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_log();

GRANT SELECT, INSERT ON ruleset_events TO txplatform_service;
