-- Snapshots: stored account states, so that a replay need not begin at the first event.

CREATE TABLE snapshots (
    originator_id      text COLLATE "C" NOT NULL,
    originator_version bigint NOT NULL CHECK (originator_version > 0),
    topic              text COLLATE "C" NOT NULL,
    state              bytea NOT NULL,
    taken_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (originator_id, topic, originator_version)
);

COMMENT ON TABLE snapshots IS 'Account states. They can be rebuilt from the log at any time.';
COMMENT ON COLUMN snapshots.topic IS 'account@<hash of the declared fields>. Snapshots with another hash are ignored.';

GRANT SELECT, INSERT ON snapshots TO txplatform_service;
