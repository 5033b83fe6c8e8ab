-- What the service's role may do, and nothing else. `txplatform migrate` applies this file each time, so
-- the rights are complete again after a restore without roles or privileges.
--
-- The columns that are left out have their defaults: positions, ids and times are the database's. Each
-- right to write has its reason in tests/integration/test_service_role.py, and triggers restrict some
-- further (migrations 0016 and 0017).
REVOKE ALL ON events, snapshots, installation_secrets, schema_migrations, compatible_migrations,
    inbound_contents, inbound_messages, inbound_positions, ruleset_events, shadow_disagreements,
    shadowings, skipped_events, api_keys, checkpoints, transactions, payments, waiting_advices
    FROM txplatform_service;
REVOKE EXECUTE ON FUNCTION append_events, store_snapshots, keep_inbound_contents FROM PUBLIC;
GRANT EXECUTE ON FUNCTION append_events, store_snapshots, keep_inbound_contents TO txplatform_service;
GRANT EXECUTE ON FUNCTION decision_clock, real_time, is_owner TO txplatform_service;

GRANT SELECT ON events, snapshots, installation_secrets, schema_migrations, compatible_migrations,
    inbound_contents, inbound_messages, inbound_positions, ruleset_events, shadow_disagreements,
    shadowings, skipped_events, api_keys, checkpoints, transactions, payments, waiting_advices
    TO txplatform_service;

GRANT INSERT (version, event_id, event_key, topic, state) ON ruleset_events TO txplatform_service;

GRANT INSERT (id, key_sha256, name, scopes, accounts, expires_at), UPDATE (revoked_at, last_used_at)
    ON api_keys TO txplatform_service;

GRANT INSERT (name, position), UPDATE (position, moved_at) ON checkpoints TO txplatform_service;

GRANT INSERT (
    cluster_id, topic, topic_id, partition, "offset", sent_at, key, withheld, content_hmac,
    traceparent, account_id, business_key, first_status, status, reason, detail, event_id,
    account_version, flags, alarms_until, amount_minor, currency, parked_number
), UPDATE (
    status, reason, detail, event_id, account_id, account_version, business_key, flags, resolved_at,
    resolved_by, resolution, parked_number, alarms_until
) ON inbound_messages TO txplatform_service;
GRANT SELECT, USAGE ON SEQUENCE parked_numbers TO txplatform_service;
GRANT INSERT ON inbound_contents TO txplatform_service;
GRANT INSERT (cluster_id, topic, partition, topic_id, next_offset), UPDATE (next_offset, moved_at), DELETE
    ON inbound_positions TO txplatform_service;

GRANT INSERT (shadowing_id, ruleset_id), UPDATE (judged, newly_declined, newly_approved)
    ON shadowings TO txplatform_service;
GRANT INSERT ON shadow_disagreements TO txplatform_service;

GRANT INSERT (projection, position, why) ON skipped_events TO txplatform_service;
GRANT INSERT, UPDATE ON transactions, payments TO txplatform_service;
GRANT INSERT, DELETE ON waiting_advices TO txplatform_service;
