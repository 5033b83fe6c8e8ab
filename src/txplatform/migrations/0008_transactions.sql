-- Read model of transactions: every transaction that an event refers to, by account.
--
-- `txplatform rebuild` creates a second table like the live one (LIKE … INCLUDING ALL), fills it and
-- swaps the two. To keep index names equal, let Postgres derive them from the name of the table.

CREATE TABLE transactions (
    account_id      text COLLATE "C" NOT NULL,
    transaction_id  text COLLATE "C" NOT NULL,
    account_version bigint NOT NULL,
    PRIMARY KEY (account_id, transaction_id),
    UNIQUE (account_id, account_version)
);

COMMENT ON TABLE transactions IS
    'Read model: the order of each account''s transactions. All other data is in the log.';
COMMENT ON COLUMN transactions.account_version IS
    'The version of the decision or, if there is none, of the first event that refers to the transaction.';

GRANT SELECT, INSERT, UPDATE ON transactions TO txplatform_service;
