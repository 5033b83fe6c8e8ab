-- Read model of open holds. Its index finds the holds that are due.

CREATE TABLE open_holds (
    account_id     text COLLATE "C" NOT NULL,
    transaction_id text COLLATE "C" NOT NULL,
    amount         bigint NOT NULL CHECK (amount > 0),
    expires_at     timestamptz,
    PRIMARY KEY (account_id, transaction_id)
);
CREATE INDEX ON open_holds (expires_at, account_id, transaction_id) WHERE expires_at IS NOT NULL;

COMMENT ON TABLE open_holds IS 'Read model: the amounts that approved purchases hold.';
COMMENT ON COLUMN open_holds.amount IS 'In minor units of the account''s currency.';
COMMENT ON COLUMN open_holds.expires_at IS 'When the hold expires. Null if it never does.';

GRANT SELECT, INSERT, UPDATE, DELETE ON open_holds TO txplatform_service;
