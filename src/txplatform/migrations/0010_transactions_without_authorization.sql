-- The list of transactions has every transaction that any event names: one that was cleared, reversed
-- or refunded and not authorized, or not yet, has a row without a decision, which gives way to the
-- decision when it comes.

ALTER TABLE transactions
    ALTER COLUMN event_id DROP NOT NULL,
    ALTER COLUMN decision DROP NOT NULL,
    ALTER COLUMN response_code DROP NOT NULL,
    ALTER COLUMN reasons DROP NOT NULL,
    ALTER COLUMN amount DROP NOT NULL,
    ALTER COLUMN currency DROP NOT NULL,
    ALTER COLUMN merchant_id DROP NOT NULL,
    ALTER COLUMN merchant_name DROP NOT NULL,
    ALTER COLUMN merchant_category_code DROP NOT NULL,
    ALTER COLUMN merchant_country DROP NOT NULL,
    ALTER COLUMN decided_at DROP NOT NULL,
    ALTER COLUMN ruleset DROP NOT NULL;

COMMENT ON TABLE transactions IS 'Read model: every transaction, by account.';
COMMENT ON COLUMN transactions.account_version IS 'With the decision; without one, with the first event that names it.';
COMMENT ON COLUMN transactions.decision IS 'Null where it is not authorized, as is all that follows from a decision.';

GRANT DELETE ON transactions TO txplatform_service;

-- What the read model has passed over so far. Nothing is folded meanwhile: its position is locked.
INSERT INTO transactions (account_id, transaction_id, account_version, log_position)
SELECT DISTINCT ON (e.originator_id, e.transaction_id)
       substr(e.originator_id, length('account-') + 1), e.transaction_id, e.originator_version, e.position
FROM (SELECT position FROM projection_positions WHERE name = 'transactions' FOR UPDATE) p
JOIN events e ON e.position <= p.position
WHERE e.transaction_id IS NOT NULL
ORDER BY e.originator_id, e.transaction_id, e.originator_version
ON CONFLICT (account_id, transaction_id) DO NOTHING;
