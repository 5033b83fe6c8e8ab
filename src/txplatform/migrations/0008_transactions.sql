-- Read model of transactions: every transaction that an event names, by account, and its hold.
--
-- `txplatform rebuild` creates a second table like the live one (LIKE … INCLUDING ALL), fills it and
-- swaps the two. To keep index names equal, let Postgres derive them from the name of the table.

CREATE TABLE transactions (
    account_version bigint NOT NULL,
    held            bigint NOT NULL,
    expires_at      timestamptz,
    recorded_at     timestamptz NOT NULL,
    account_id      text COLLATE "C" NOT NULL,
    transaction_id  text COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, transaction_id),
    UNIQUE (account_id, recorded_at, account_version)
);
CREATE INDEX ON transactions (expires_at, account_id, transaction_id)
    WHERE held > 0 AND expires_at IS NOT NULL;

COMMENT ON TABLE transactions IS
    'Read model: the order of each account''s transactions, and the holds. All other data is in the log.';
COMMENT ON COLUMN transactions.account_version IS
    'The account''s version after the first event that names the transaction.';
COMMENT ON COLUMN transactions.recorded_at IS
    'When that event was recorded. The list of transactions is in this order.';
COMMENT ON COLUMN transactions.held IS
    'The amount on hold, in minor units of the account''s currency.';
COMMENT ON COLUMN transactions.expires_at IS
    'When the hold expires or, once the hold is released, would have expired. Null for never.';

GRANT SELECT, INSERT, UPDATE ON transactions TO txplatform_service;
