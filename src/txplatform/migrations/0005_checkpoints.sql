-- Checkpoints: the position that each follower of the log has reached.

CREATE TABLE checkpoints (
    name     text COLLATE "C" PRIMARY KEY,
    position bigint NOT NULL CHECK (position >= 0),
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

COMMENT ON TABLE checkpoints IS
    'The position that each follower has reached. A follower without a checkpoint starts at 0.'
    ' To publish a feed again from an earlier position, set its checkpoint back.';
COMMENT ON COLUMN checkpoints.name IS
    'projection:<read model>, publisher:<feed> or shadow:<shadowing id>.';
COMMENT ON COLUMN checkpoints.position IS
    'Position of the last event read. For publisher:parked-messages, a parked_number of inbound_messages.';

GRANT SELECT, INSERT, UPDATE ON checkpoints TO txplatform_service;
