-- Read model of transactions: every transaction that an event names, by account.
--
-- `txplatform rebuild` makes a read model's table again beside the live one (LIKE … INCLUDING ALL)
-- and swaps the two. Indexes and constraints keep the names that Postgres gives them, so that the
-- new table ends up with the same names.

CREATE TABLE transactions (
    account_id             text COLLATE "C" NOT NULL,
    transaction_id         text COLLATE "C" NOT NULL,
    account_version        bigint NOT NULL,
    log_position           bigint NOT NULL,
    event_id               text,
    decision               text,
    response_code          text,
    authorization_code     text,
    reasons                jsonb,
    amount                 bigint,
    currency               text,
    merchant_id            text,
    merchant_name          text,
    merchant_category_code text,
    merchant_country       text,
    original_amount        bigint,
    original_currency      text,
    occurred_at            timestamptz,
    decided_at             timestamptz,
    ruleset                text,
    credit_limit_after     bigint,
    posted_after           bigint,
    pending_after          bigint,
    PRIMARY KEY (account_id, transaction_id),
    UNIQUE (account_id, account_version)
);

COMMENT ON TABLE transactions IS 'Read model: every transaction, by account.';
COMMENT ON COLUMN transactions.account_version IS
    'The version with the decision. Without a decision, with the first event that names the transaction.';
COMMENT ON COLUMN transactions.decision IS
    'Null for a transaction that was cleared, reversed or refunded without an authorization, or before it.'
    ' The columns that follow from a decision are null too.';
COMMENT ON COLUMN transactions.amount IS 'In minor units of currency, like all money here.';
COMMENT ON COLUMN transactions.credit_limit_after IS
    'The account''s limit after the decision. Null if there was no account.';

GRANT SELECT, INSERT, UPDATE, DELETE ON transactions TO txplatform_service;
