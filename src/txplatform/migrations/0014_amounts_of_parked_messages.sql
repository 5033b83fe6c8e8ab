-- The version before works on.
-- The money of messages that were parked or waited is added up without their contents.

ALTER TABLE inbound_messages
    ADD COLUMN amount_minor bigint,
    ADD COLUMN currency text COLLATE "C";

COMMENT ON COLUMN inbound_messages.amount_minor IS
    'The amount in minor units, if the message was parked or waited and its amount can be read.';
COMMENT ON COLUMN inbound_messages.currency IS 'The currency of amount_minor. Null if there is none.';
