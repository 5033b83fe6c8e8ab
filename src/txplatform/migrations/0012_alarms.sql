-- The version before works on.
-- Alarms for parked changes of a limit or a status are found without the contents of the messages.

ALTER TABLE inbound_messages
    ADD COLUMN alarms_until bigint,
    ADD COLUMN change_version bigint GENERATED ALWAYS AS (
        CASE WHEN topic IN ('accounts.account-status-changed.v1', 'accounts.credit-limit-changed.v1')
        THEN split_part(business_key, ':', 2)::bigint END
    ) STORED;

COMMENT ON COLUMN inbound_messages.alarms_until IS
    'A parked change raises an alarm until this version or a higher one is applied. Null for no alarm.';
COMMENT ON COLUMN inbound_messages.change_version IS
    'The version of a change of a limit or a status. Null if it cannot be read.';
COMMENT ON COLUMN inbound_messages.business_key IS
    'The event key of the message''s command. Null if the business id cannot be read.';

UPDATE inbound_messages SET alarms_until = coalesce(change_version, 9007199254740992)
WHERE status IN ('parked', 'waiting')
  AND topic IN ('accounts.account-status-changed.v1', 'accounts.credit-limit-changed.v1');

CREATE INDEX inbound_messages_alarms ON inbound_messages (id)
    WHERE alarms_until IS NOT NULL AND status = 'parked';
CREATE INDEX inbound_messages_changes ON inbound_messages (topic, account_id, change_version)
    WHERE change_version IS NOT NULL AND status IN ('applied', 'waiting');

-- Copies of a discarded message are discarded before they are decided.
CREATE INDEX inbound_messages_discarded ON inbound_messages (content_hmac, id)
    WHERE status = 'discarded';

-- The business id of an opening is the account.
DROP INDEX inbound_messages_business_id;
CREATE INDEX inbound_messages_business_id ON inbound_messages ((
    CASE WHEN strpos(business_key, ':') = 0 THEN account_id
    ELSE substr(business_key, strpos(business_key, ':') + 1) END
), id) WHERE business_key IS NOT NULL;
