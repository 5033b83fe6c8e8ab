-- Read model of applied payments, by payment id: the accounts on which an id was applied.
--
-- A payment id is unique per account only. This table shows an id that was applied on two accounts.

CREATE TABLE payments (
    account_version bigint NOT NULL,
    returned        boolean NOT NULL,
    repeated        boolean NOT NULL,
    payment_id      text COLLATE "C" NOT NULL,
    account_id      text COLLATE "C" NOT NULL,
    PRIMARY KEY (payment_id, account_id)
);
CREATE INDEX ON payments (payment_id) WHERE repeated AND NOT returned;

COMMENT ON TABLE payments IS 'Read model: each applied payment. All other data is in the log.';
COMMENT ON COLUMN payments.account_version IS 'The account''s version after the payment.';
COMMENT ON COLUMN payments.repeated IS 'True if the id was applied on another account before.';

GRANT SELECT, INSERT, UPDATE ON payments TO txplatform_service;
