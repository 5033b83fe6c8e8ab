-- Read model of what is on hold, by which holds whose time has come are found: the index leads to
-- those that are due, and reads no other.
CREATE TABLE open_holds (
    account_id     text COLLATE "C" NOT NULL,
    transaction_id text COLLATE "C" NOT NULL,
    amount         bigint NOT NULL CHECK (amount > 0),
    expires_at     timestamptz,
    PRIMARY KEY (account_id, transaction_id)
);
CREATE INDEX ON open_holds (expires_at, account_id, transaction_id) WHERE expires_at IS NOT NULL;

COMMENT ON TABLE open_holds IS 'Read model: what approved purchases hold.';
COMMENT ON COLUMN open_holds.amount IS 'Minor units of the account''s currency.';
COMMENT ON COLUMN open_holds.expires_at IS 'When it ends by itself; null for never.';

INSERT INTO projection_positions (name) VALUES ('open_holds');
GRANT SELECT, INSERT, UPDATE, DELETE ON open_holds TO txplatform_service;

-- The directory has the operator's status and the accounts team's. The stricter holds: the database
-- makes it of the two, so a projector of the version before, which sets it, cannot go on.
ALTER TABLE account_directory
    DROP COLUMN status,
    ADD COLUMN operator_status text NOT NULL DEFAULT 'active',
    ADD COLUMN team_status text NOT NULL DEFAULT 'active';
ALTER TABLE account_directory
    ADD COLUMN status text GENERATED ALWAYS AS (
        CASE
            WHEN currency IS NULL THEN NULL
            WHEN 'closed' IN (operator_status, team_status) THEN 'closed'
            WHEN 'frozen' IN (operator_status, team_status) THEN 'frozen'
            ELSE 'active'
        END
    ) STORED;

COMMENT ON COLUMN account_directory.status IS 'Null until the account is opened, as are currency and opened_at.';

-- What the directory has read before it had these columns.
UPDATE account_directory a
SET operator_status = coalesce(s.operators[1], 'active'),
    team_status = CASE WHEN 'closed' = ANY (s.teams) THEN 'closed' ELSE coalesce(s.teams[1], 'active') END
FROM (
    SELECT originator_id,
           array_agg(status ORDER BY originator_version DESC)
               FILTER (WHERE topic = 'operator-status-set') AS operators,
           array_agg(status ORDER BY originator_version DESC)
               FILTER (WHERE topic = 'account-status-changed') AS teams
    FROM events, LATERAL (
        SELECT convert_from(state, 'UTF8')::json -> 'change' ->> 'status' AS status
    ) AS stored
    WHERE topic IN ('operator-status-set', 'account-status-changed')
      AND position <= (SELECT position FROM projection_positions WHERE name = 'directory')
    GROUP BY originator_id
) s
WHERE s.originator_id = 'account-' || a.account_id;
