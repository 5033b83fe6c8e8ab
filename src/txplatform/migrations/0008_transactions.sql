-- Read model of transactions: every transaction that an event names, by account.
--
-- `txplatform rebuild` makes a read model's table again beside the live one (LIKE … INCLUDING ALL)
-- and swaps the two. Indexes and constraints keep the names that Postgres gives them, so that the
-- new table ends up with the same names.

CREATE TABLE transactions (
    account_id      text COLLATE "C" NOT NULL,
    transaction_id  text COLLATE "C" NOT NULL,
    account_version bigint NOT NULL,
    PRIMARY KEY (account_id, transaction_id),
    UNIQUE (account_id, account_version)
);

COMMENT ON TABLE transactions IS
    'Read model: the place of every transaction in the list of its account. The log has the rest.';
COMMENT ON COLUMN transactions.account_version IS
    'The version with the decision. Without a decision, with the first event that names the transaction.';

GRANT SELECT, INSERT, UPDATE ON transactions TO txplatform_service;
