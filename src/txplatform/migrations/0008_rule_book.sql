-- What purchases are decided by has a stream of events of its own: who added, activated and shadowed
-- which rule set, when and why. Few events, read by every process that decides.
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
COMMENT ON COLUMN ruleset_events.event_key IS '<kind>:<id>; one effect per key, for ever.';
COMMENT ON COLUMN ruleset_events.state IS 'The event''s facts, JSON in UTF-8.';

CREATE TRIGGER ruleset_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ruleset_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_log();

GRANT SELECT, INSERT ON ruleset_events TO txplatform_service;

-- What a shadowed rule set would have decided: made from the log, so that it can be made again.
CREATE TABLE shadowings (
    shadowing_id    text COLLATE "C" PRIMARY KEY,
    ruleset_id      text COLLATE "C" NOT NULL,
    position        bigint NOT NULL,
    judged          bigint NOT NULL DEFAULT 0,
    newly_declined  bigint NOT NULL DEFAULT 0,
    newly_approved  bigint NOT NULL DEFAULT 0
);

COMMENT ON TABLE shadowings IS 'How far each shadowing has come, and what it counted.';
COMMENT ON COLUMN shadowings.position IS 'The last log position that was judged.';

CREATE TABLE shadow_disagreements (
    shadowing_id    text COLLATE "C" NOT NULL,
    log_position    bigint NOT NULL,
    account_id      text COLLATE "C" NOT NULL,
    account_version bigint NOT NULL,
    event_id        text COLLATE "C" NOT NULL,
    transaction_id  text COLLATE "C" NOT NULL,
    amount          bigint NOT NULL,
    currency        text COLLATE "C" NOT NULL,
    decided_at      timestamptz NOT NULL,
    decision        text COLLATE "C" NOT NULL,
    reasons         jsonb NOT NULL,
    shadow_decision text COLLATE "C" NOT NULL,
    shadow_reasons  jsonb NOT NULL,
    PRIMARY KEY (shadowing_id, log_position)
);

COMMENT ON TABLE shadow_disagreements IS 'Decisions that a shadowed rule set would have made otherwise.';

GRANT SELECT, INSERT, UPDATE ON shadowings TO txplatform_service;
GRANT SELECT, INSERT ON shadow_disagreements TO txplatform_service;
