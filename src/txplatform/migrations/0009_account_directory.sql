-- Read model of accounts: every account with its status and balance.

-- Limit, posted and pending are bigint: the domain keeps each within 64 bits (MAX_BALANCE). The
-- available credit, which is limit - posted - pending, may exceed 64 bits, so it is not a column.
CREATE TABLE account_directory (
    account_id      text COLLATE "C" NOT NULL PRIMARY KEY,
    account_version bigint NOT NULL,
    operator_status text NOT NULL DEFAULT 'active',
    team_status     text NOT NULL DEFAULT 'active',
    currency        text,
    credit_limit    bigint NOT NULL,
    limit_version   bigint NOT NULL,
    posted          bigint NOT NULL,
    pending         bigint NOT NULL,
    opened_at       timestamptz,
    updated_at      timestamptz NOT NULL,
    status          text GENERATED ALWAYS AS (
        CASE
            WHEN currency IS NULL THEN NULL
            WHEN 'closed' IN (operator_status, team_status) THEN 'closed'
            WHEN 'frozen' IN (operator_status, team_status) THEN 'frozen'
            ELSE 'active'
        END
    ) STORED
);

COMMENT ON TABLE account_directory IS 'Read model: every account with its status and balance.';
COMMENT ON COLUMN account_directory.operator_status IS 'Set by an operator over HTTP.';
COMMENT ON COLUMN account_directory.team_status IS 'Set by the accounts team over Kafka.';
COMMENT ON COLUMN account_directory.currency IS 'Null until the account is opened.';
COMMENT ON COLUMN account_directory.status IS
    'The stricter of the two statuses. Null until the account is opened.';

GRANT SELECT, INSERT, UPDATE ON account_directory TO txplatform_service;
