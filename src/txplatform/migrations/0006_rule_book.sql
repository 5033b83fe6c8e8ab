-- The rule book: who added, activated and shadowed which rule set, when and why.
--
-- It is an event stream of its own, with few events, read by every process that decides.

CREATE TABLE ruleset_events (
    version     bigint PRIMARY KEY CHECK (version > 0),
    event_id    text COLLATE "C" NOT NULL UNIQUE,
    event_key   text COLLATE "C" NOT NULL UNIQUE,
    topic       text COLLATE "C" NOT NULL,
    state       bytea NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE ruleset_events IS 'The rule book. Append-only.';
COMMENT ON COLUMN ruleset_events.version IS 'Order of the rule book, from 1, without gaps.';
COMMENT ON COLUMN ruleset_events.event_key IS '<kind>:<id>. A key has one effect, permanently.';
COMMENT ON COLUMN ruleset_events.state IS 'The event''s own fields as JSON in UTF-8.';

CREATE TRIGGER ruleset_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ruleset_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_log();

GRANT SELECT, INSERT ON ruleset_events TO txplatform_service;
