-- How far each feed of the publisher has come; what lies behind was acknowledged by the broker.

CREATE TABLE publisher_checkpoints (
    feed     text COLLATE "C" PRIMARY KEY,
    position bigint NOT NULL CHECK (position >= 0),
    moved_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

COMMENT ON TABLE publisher_checkpoints IS 'How far the publisher has come. Set one back to publish again from there.';
COMMENT ON COLUMN publisher_checkpoints.feed IS 'decisions, rejected-messages or parked-messages.';
COMMENT ON COLUMN publisher_checkpoints.position IS 'A position of the log; for parked-messages an id of inbound_messages.';

GRANT SELECT, INSERT, UPDATE ON publisher_checkpoints TO txplatform_service;
