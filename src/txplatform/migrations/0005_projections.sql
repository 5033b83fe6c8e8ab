-- Read models: derived from the log, and made again from it by `txplatform rebuild`.
--
-- A rebuild makes a table again beside the live one (LIKE … INCLUDING ALL) and swaps them. So
-- that it ends with the same names, indexes and constraints here keep those Postgres gives them.

CREATE TABLE projection_positions (
    name     text COLLATE "C" PRIMARY KEY,
    position bigint NOT NULL DEFAULT 0 CHECK (position >= 0),
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE projection_positions IS 'Up to where in the log each read model has been folded.';
COMMENT ON COLUMN projection_positions.position IS 'Of the last event read, used or not.';

INSERT INTO projection_positions (name) VALUES ('transactions'), ('directory');

CREATE TABLE transactions (
    account_id             text COLLATE "C" NOT NULL,
    transaction_id         text COLLATE "C" NOT NULL,
    account_version        bigint NOT NULL,
    log_position           bigint NOT NULL,
    event_id               text NOT NULL,
    decision               text NOT NULL,
    response_code          text NOT NULL,
    authorization_code     text,
    reasons                jsonb NOT NULL,
    amount                 bigint NOT NULL,
    currency               text NOT NULL,
    merchant_id            text NOT NULL,
    merchant_name          text NOT NULL,
    merchant_category_code text NOT NULL,
    merchant_country       text NOT NULL,
    original_amount        bigint,
    original_currency      text,
    occurred_at            timestamptz,
    decided_at             timestamptz NOT NULL,
    ruleset                text NOT NULL,
    credit_limit_after     bigint,
    posted_after           bigint,
    pending_after          bigint,
    PRIMARY KEY (account_id, transaction_id),
    UNIQUE (account_id, account_version)
);

COMMENT ON TABLE transactions IS 'Read model: every decision, by account.';
COMMENT ON COLUMN transactions.amount IS 'Minor units of currency, as all money here.';
COMMENT ON COLUMN transactions.credit_limit_after IS 'The money after it; null where there was no account.';

-- bigint, not numeric: the domain keeps limit, posted and pending each within 64 bits
-- (MAX_BALANCE). Their difference, the available credit, need not fit, so it is not a column.
CREATE TABLE account_directory (
    account_id      text COLLATE "C" NOT NULL PRIMARY KEY,
    account_version bigint NOT NULL,
    status          text,
    currency        text,
    credit_limit    bigint NOT NULL,
    limit_version   bigint NOT NULL,
    posted          bigint NOT NULL,
    pending         bigint NOT NULL,
    opened_at       timestamptz,
    updated_at      timestamptz NOT NULL
);

COMMENT ON TABLE account_directory IS 'Read model: every account with its money.';
COMMENT ON COLUMN account_directory.status IS 'Null until the account is opened, as are currency and opened_at.';

GRANT SELECT, UPDATE ON projection_positions TO txplatform_service;
GRANT SELECT, INSERT, UPDATE ON transactions, account_directory TO txplatform_service;
