-- The version before works on.
-- The clock by which everything is decided and recorded. It is the server's clock, except in a database
-- that `txplatform demo` has made: there the demo replaces both functions, to simulate a year.

CREATE FUNCTION decision_clock() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
    RETURN clock_timestamp();

COMMENT ON FUNCTION decision_clock IS 'The time for decisions and events. The planner inlines the function.';

CREATE FUNCTION real_time(decided timestamptz) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
    RETURN decided;

COMMENT ON FUNCTION real_time IS 'The time by the server''s clock at a time by the clock of decisions.';

ALTER TABLE events ALTER COLUMN recorded_at SET DEFAULT decision_clock();
ALTER TABLE ruleset_events ALTER COLUMN recorded_at SET DEFAULT decision_clock();
