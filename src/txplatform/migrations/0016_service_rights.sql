-- The version before works on.
-- What the service's role may write, beyond the rights in grants.sql: triggers check each new row, so
-- that whoever has the service's password can neither rewrite history nor choose its order and times.
--
-- The tables' owner is not bound, since restores and the resets in docs/operations.md are its task. The
-- functions run as the caller, who may read every table that they read.

CREATE FUNCTION is_owner() RETURNS boolean LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = 'events'::regclass;
END;

COMMENT ON FUNCTION is_owner IS 'True if the current role has the rights of the tables'' owner.';

CREATE FUNCTION check_ruleset_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    newest bigint := coalesce((SELECT max(version) FROM ruleset_events), 0);
BEGIN
    IF NEW.version <> newest + 1 THEN
        RAISE EXCEPTION 'the rule book is append-only: version % is not the next one', NEW.version
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER ruleset_events_in_order BEFORE INSERT ON ruleset_events
    FOR EACH ROW WHEN (NOT is_owner()) EXECUTE FUNCTION check_ruleset_event();

CREATE FUNCTION check_checkpoint() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last bigint;
BEGIN
    NEW.moved_at := clock_timestamp();
    IF NEW.position < OLD.position AND NOT is_owner() THEN
        RAISE EXCEPTION 'the checkpoint % moves forward only', NEW.name
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NEW.name = 'publisher:parked-messages' THEN
        SELECT max(parked_number) INTO last FROM inbound_messages;
    ELSE
        SELECT max(position) INTO last FROM events;
    END IF;
    IF NEW.position > coalesce(last, 0) AND NOT is_owner() THEN
        RAISE EXCEPTION 'the checkpoint % would be past the end of what it reads', NEW.name
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;

-- The trigger runs with every batch of every follower, so it asks for the owner only if need be.
CREATE TRIGGER checkpoints_forward BEFORE INSERT OR UPDATE ON checkpoints
    FOR EACH ROW EXECUTE FUNCTION check_checkpoint();

-- The number of a parked message is the next of the sequence. A higher one would take the checkpoint
-- of the dead letters past all later messages, and a lower one would never be published.
CREATE FUNCTION check_parked_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.parked_number <= (SELECT max(parked_number) FROM inbound_messages)
        OR NEW.parked_number > (SELECT last_value FROM parked_numbers)
        OR (NEW.parked_number IS NULL) <> (NEW.status <> 'parked') THEN
        RAISE EXCEPTION 'a message is parked with the next number'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER inbound_messages_numbered BEFORE INSERT ON inbound_messages
    FOR EACH ROW WHEN ((NEW.status = 'parked' OR NEW.parked_number IS NOT NULL) AND NOT is_owner())
    EXECUTE FUNCTION check_parked_number();

-- An outcome is final unless the message is parked or waiting, was rejected after waiting, or had no
-- effect and now gets one. The event of an effect must be in the log.
CREATE FUNCTION check_outcome() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    account text := coalesce(NEW.account_id, OLD.account_id);
    took_effect boolean := NEW.event_id IS NOT NULL;
    was_rejected boolean := OLD.status = 'waiting' AND EXISTS (
        SELECT FROM events e
        WHERE (e.event_key, e.originator_id)
                >= ('rejected:' || OLD.business_key, 'account-' || OLD.account_id)
          AND (e.event_key, e.originator_id)
                <= ('rejected:' || OLD.business_key, 'account-' || OLD.account_id)
    );
BEGIN
    IF OLD.status = 'discarded'
        OR (OLD.event_id IS NOT NULL
            AND NOT (OLD.status = 'waiting' AND NEW.status = 'applied') AND NOT was_rejected)
        OR (OLD.status NOT IN ('parked', 'waiting') AND NOT took_effect)
        OR (NEW.status = 'applied' AND NOT took_effect) THEN
        RAISE EXCEPTION 'the outcome of message % is final', OLD.id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF took_effect AND account IS NOT NULL AND NOT EXISTS (
        SELECT FROM events e
        WHERE e.originator_id = 'account-' || account AND e.originator_version = NEW.account_version
          AND convert_from(e.state, 'UTF8')::json ->> 'event_id' = NEW.event_id
    ) THEN
        RAISE EXCEPTION 'the log has no event % of the account of message %', NEW.event_id, OLD.id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NEW.parked_number IS DISTINCT FROM OLD.parked_number AND (
        OLD.parked_number IS NOT NULL
        OR NEW.parked_number <= (SELECT max(parked_number) FROM inbound_messages)
        OR NEW.parked_number > (SELECT last_value FROM parked_numbers)
    ) THEN
        RAISE EXCEPTION 'a message is parked with the next number'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    NEW.resolved_at := now();
    RETURN NEW;
END
$$;

CREATE TRIGGER inbound_messages_final BEFORE UPDATE ON inbound_messages
    FOR EACH ROW WHEN (
        (NEW.status, NEW.reason, NEW.detail, NEW.event_id, NEW.account_id, NEW.account_version,
            NEW.business_key, NEW.flags, NEW.resolved_at, NEW.resolved_by, NEW.resolution,
            NEW.parked_number)
        IS DISTINCT FROM
        (OLD.status, OLD.reason, OLD.detail, OLD.event_id, OLD.account_id, OLD.account_version,
            OLD.business_key, OLD.flags, OLD.resolved_at, OLD.resolved_by, OLD.resolution,
            OLD.parked_number)
        AND NOT is_owner()
    )
    EXECUTE FUNCTION check_outcome();

-- The alarm of a parked change ends only if a change with a sufficient version was received later. The
-- service ends it after it was applied.
CREATE FUNCTION check_alarm() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.alarms_until IS NOT NULL OR NOT EXISTS (
        SELECT FROM inbound_messages newer
        WHERE (newer.topic, newer.account_id, newer.change_version)
                >= (OLD.topic, OLD.account_id, OLD.alarms_until)
          AND (newer.topic, newer.account_id) <= (OLD.topic, OLD.account_id)
          AND newer.change_version IS NOT NULL AND newer.status IN ('applied', 'waiting')
    ) THEN
        RAISE EXCEPTION 'the alarm of message % lasts until a newer change is applied', OLD.id
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER inbound_messages_alarms BEFORE UPDATE ON inbound_messages
    FOR EACH ROW WHEN (
        NEW.status = 'parked' AND NEW.alarms_until IS DISTINCT FROM OLD.alarms_until AND NOT is_owner()
    )
    EXECUTE FUNCTION check_alarm();

-- Names in the functions mean the objects of this schema, not the temporary tables of a caller.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'check_ruleset_event', 'check_checkpoint', 'check_parked_number', 'check_outcome', 'check_alarm'
    ] LOOP
        EXECUTE format('ALTER FUNCTION %I SET search_path = %I, pg_temp', name, current_schema());
    END LOOP;
END
$$;
