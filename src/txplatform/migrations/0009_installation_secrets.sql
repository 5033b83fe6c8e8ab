-- Secrets of this installation, made by the migration.

CREATE TABLE installation_secrets (
    name   text COLLATE "C" PRIMARY KEY,
    secret bytea NOT NULL CHECK (octet_length(secret) = 32)
);

COMMENT ON TABLE installation_secrets IS 'Random keys of this installation. They never change.';

INSERT INTO installation_secrets
VALUES ('message-contents', uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

GRANT SELECT ON installation_secrets TO txplatform_service;
