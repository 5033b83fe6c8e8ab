-- API keys. Only the SHA-256 of a key is stored.

CREATE TABLE api_keys (
    id         text PRIMARY KEY,
    key_sha256 bytea NOT NULL UNIQUE CHECK (octet_length(key_sha256) = 32),
    name       text NOT NULL,
    scopes     text[] NOT NULL CHECK (cardinality(scopes) > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);

COMMENT ON TABLE api_keys IS 'The API keys and their scopes.';

GRANT SELECT, INSERT, UPDATE ON api_keys TO txplatform_service;
