-- The version before works on.
-- API keys that are limited to accounts, and the time of each key's last use.

ALTER TABLE api_keys
    ADD COLUMN accounts text[] COLLATE "C" CHECK (cardinality(accounts) BETWEEN 1 AND 100),
    ADD COLUMN last_used_at timestamptz;

COMMENT ON COLUMN api_keys.accounts IS 'The only accounts that the key may use. Null for all accounts.';
COMMENT ON COLUMN api_keys.last_used_at IS
    'When the key was last used. A process writes it at most once a minute.';
COMMENT ON COLUMN api_keys.key_sha256 IS
    'SHA-256 of the key, or of "limited " and the key if the key is limited to accounts. So a process of'
    ' the version before, which does not know limits, refuses a limited key.';

-- A key never changes, is revoked for ever, and its times are the database's.
CREATE FUNCTION check_api_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.revoked_at IS DISTINCT FROM OLD.revoked_at THEN
        IF OLD.revoked_at IS NOT NULL THEN
            RAISE EXCEPTION 'the key % was revoked for ever', OLD.id
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        NEW.revoked_at := now();
    END IF;
    IF NEW.last_used_at IS DISTINCT FROM OLD.last_used_at THEN
        NEW.last_used_at := greatest(now(), OLD.last_used_at);
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER api_keys_unchanged BEFORE UPDATE ON api_keys
    FOR EACH ROW WHEN (NOT is_owner()) EXECUTE FUNCTION check_api_key();

DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION check_api_key SET search_path = %I, pg_temp', current_schema());
END
$$;
