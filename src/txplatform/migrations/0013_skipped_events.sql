-- The version before works on.
-- A projector skips an event that the database refuses to fold into a read model, and the others go on.

CREATE TABLE skipped_events (
    projection text NOT NULL,
    position bigint NOT NULL,
    why text NOT NULL,
    skipped_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (projection, position)
);

COMMENT ON TABLE skipped_events IS
    'Events that a read model lacks, by position in the log. A rebuild of the read model ends its rows.';
COMMENT ON COLUMN skipped_events.why IS 'The error of PostgreSQL, without values.';
