-- What the service's role may do. `txplatform migrate` applies this file each time, so the rights are
-- complete again after a restore without roles or privileges.
REVOKE EXECUTE ON FUNCTION append_events, store_snapshots, keep_inbound_contents FROM PUBLIC;
GRANT EXECUTE ON FUNCTION append_events, store_snapshots, keep_inbound_contents TO txplatform_service;
GRANT EXECUTE ON FUNCTION decision_clock, real_time TO txplatform_service;

GRANT SELECT ON events, snapshots, installation_secrets, schema_migrations,
    compatible_migrations TO txplatform_service;
GRANT SELECT, INSERT ON inbound_contents, inbound_messages TO txplatform_service;
GRANT UPDATE (
    status, reason, detail, event_id, account_id, account_version, business_key, flags, resolved_at,
    resolved_by, resolution, parked_number, alarms_until
) ON inbound_messages TO txplatform_service;
GRANT USAGE ON SEQUENCE parked_numbers TO txplatform_service;
GRANT SELECT, INSERT ON ruleset_events, shadow_disagreements, skipped_events TO txplatform_service;
GRANT SELECT, INSERT, UPDATE ON api_keys, checkpoints, shadowings, transactions, payments TO txplatform_service;
GRANT SELECT, INSERT, DELETE ON waiting_advices TO txplatform_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON inbound_positions TO txplatform_service;
