-- Shadow evaluation: the decisions that a candidate rule set would have made.
--
-- Both tables are derived from the log.

CREATE TABLE shadowings (
    shadowing_id   text COLLATE "C" PRIMARY KEY,
    ruleset_id     text COLLATE "C" NOT NULL,
    judged         bigint NOT NULL DEFAULT 0,
    newly_declined bigint NOT NULL DEFAULT 0,
    newly_approved bigint NOT NULL DEFAULT 0
);

COMMENT ON TABLE shadowings IS
    'The counts of each shadow evaluation, up to its checkpoint shadow:<shadowing id>.';
COMMENT ON COLUMN shadowings.judged IS 'Recorded decisions that were compared with the candidate''s.';
COMMENT ON COLUMN shadowings.newly_declined IS 'Approved purchases that the candidate would decline.';
COMMENT ON COLUMN shadowings.newly_approved IS 'Declined purchases that the candidate would approve.';

CREATE TABLE shadow_disagreements (
    shadowing_id    text COLLATE "C" NOT NULL,
    log_position    bigint NOT NULL,
    account_id      text COLLATE "C" NOT NULL,
    account_version bigint NOT NULL,
    event_id        text COLLATE "C" NOT NULL,
    transaction_id  text COLLATE "C" NOT NULL,
    amount          bigint NOT NULL,
    currency        text COLLATE "C" NOT NULL,
    decided_at      timestamptz NOT NULL,
    decision        text COLLATE "C" NOT NULL,
    reasons         jsonb NOT NULL,
    shadow_decision text COLLATE "C" NOT NULL,
    shadow_reasons  jsonb NOT NULL,
    PRIMARY KEY (shadowing_id, log_position)
);

COMMENT ON TABLE shadow_disagreements IS 'Decisions that the candidate would have made differently.';

GRANT SELECT, INSERT, UPDATE ON shadowings TO txplatform_service;
GRANT SELECT, INSERT ON shadow_disagreements TO txplatform_service;
