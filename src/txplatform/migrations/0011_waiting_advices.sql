-- Read model of the advices that wait now, for their account or for another advice.

CREATE TABLE waiting_advices (
    account_version bigint NOT NULL,
    recorded_at     timestamptz NOT NULL,
    account_id      text COLLATE "C" NOT NULL,
    business_key    text COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, business_key)
);
CREATE INDEX ON waiting_advices (recorded_at);

COMMENT ON TABLE waiting_advices IS 'Read model: each advice that waits. All other data is in the log.';
COMMENT ON COLUMN waiting_advices.account_version IS 'The account''s version since which the advice waits.';

GRANT SELECT, INSERT, DELETE ON waiting_advices TO txplatform_service;
