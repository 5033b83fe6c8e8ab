"""Check that the workers keep up with the log, with expiring holds and with the inbound topics.

Lag is how long the oldest unprocessed event, hold or message has waited. It is not measured in log
positions, because these have gaps.
"""

import time
from collections.abc import Iterator

import psycopg

from txplatform.contracts.messages import INBOUND
from txplatform.doctor.broker import BrokerView, Cluster
from txplatform.doctor.finding import Finding, failed, ok, warning
from txplatform.inbox.positions import PartitionKey, all_positions, fault_of
from txplatform.pluralize import pluralize
from txplatform.projections import PROJECTIONS
from txplatform.projections.projection import skipped_events
from txplatform.publisher.runner import FEEDS

SLOW_S = 10
STOPPED_S = 60

_LOG_LAGS = """
SELECT extract(epoch FROM clock_timestamp() - CASE f.name WHEN 'publisher:parked-messages' THEN (
    SELECT coalesce(resolved_at, received_at) FROM inbound_messages
    WHERE parked_number > coalesce(c.position, 0) ORDER BY parked_number LIMIT 1
) ELSE (
    SELECT real_time(recorded_at) FROM events
    WHERE position > coalesce(c.position, 0) ORDER BY position LIMIT 1
) END)::float8
FROM unnest(%s::text[]) WITH ORDINALITY AS f (name, number) LEFT JOIN checkpoints c USING (name)
ORDER BY f.number
"""

_OVERDUE = """
SELECT extract(epoch FROM clock_timestamp() - real_time(min(expires_at)))::float8
FROM transactions
WHERE held > 0 AND expires_at IS NOT NULL AND expires_at <= (SELECT decision_clock())
"""


def check_projector(connection: psycopg.Connection) -> Iterator[Finding]:
    """Measure the lag of each read model."""
    return _log_lags(connection, "project", "projection", [each.name for each in PROJECTIONS])


def check_skipped_events(connection: psycopg.Connection) -> Iterator[Finding]:
    """Fail if a read model lacks events that the database refused."""
    found = {each.name: skipped_events(connection, each.name) for each in PROJECTIONS}
    lacking = {name: skipped for name, skipped in found.items() if skipped.number}
    if not lacking:
        yield ok("skipped events", "No read model lacks an event.")
    for name, skipped in lacking.items():
        yield failed(
            "skipped events",
            f"{name} lacks {pluralize(skipped.number, 'event')} that the database refused, the "
            f"first at log position {skipped.first}.",
            f"The table skipped_events says why. Run `txplatform rebuild {name}`.",
        )


def check_publisher(connection: psycopg.Connection) -> Iterator[Finding]:
    """Measure the publisher's lag in each of its feeds, such as events or parked messages."""
    return _log_lags(connection, "publish", "publisher", [each.name for each in FEEDS])


def _log_lags(
    connection: psycopg.Connection, command: str, owner: str, names: list[str]
) -> Iterator[Finding]:
    lags = connection.execute(_LOG_LAGS, ([f"{owner}:{name}" for name in names],)).fetchall()
    for name, (waiting_s,) in zip(names, lags, strict=True):
        yield age_finding(
            f"{command}: {name}",
            command,
            waiting_s,
            some="The oldest unprocessed event has waited for {} s.",
            none="Every event has been processed.",
        )


def check_overdue_holds(connection: psycopg.Connection) -> Iterator[Finding]:
    """Measure how long ago the most overdue hold should have expired."""
    ((overdue_s,),) = connection.execute(_OVERDUE).fetchall()
    yield age_finding(
        "overdue holds",
        "project",
        overdue_s,
        some="The oldest open hold should have expired {} s ago.",
        none="No hold is overdue.",
    )


def age_finding(check: str, command: str, age_s: float | None, *, some: str, none: str) -> Finding:
    """Return the finding for the age of the oldest unprocessed item.

    Args:
        check: The name of the check.
        command: The worker command that processes the items.
        age_s: The item's age; None if nothing is unprocessed.
        some: The finding's detail if there is an item; `{}` stands for the age in seconds.
        none: The finding's detail if nothing is unprocessed.
    """
    if age_s is None:
        return ok(check, none)
    detail = some.format(f"{age_s:.0f}")
    if age_s > STOPPED_S:
        return failed(check, detail, _see(command))
    if age_s > SLOW_S:
        return warning(check, detail, f"Check again soon; see /readyz of `txplatform {command}`.")
    return ok(check, detail)


def check_consumers(
    connection: psycopg.Connection, view: BrokerView, cluster: Cluster
) -> Iterator[Finding]:
    """Measure the lag of each inbound topic, and check the stored offsets of its partitions."""
    stored = {
        PartitionKey(position.topic, position.partition): position
        for cluster_id, position in all_positions(connection)
        if cluster_id == cluster.cluster_id
    }
    for topic in INBOUND:
        if topic not in cluster.topics:
            continue  # reported by the check `topics`
        unread = 0
        waiting_since_ms = []
        faults = []
        for partition in range(cluster.topics[topic].partitions):
            low, high = view.ends(topic, partition)
            position = stored.get(PartitionKey(topic, partition))
            next_offset = low if position is None else position.next_offset
            if position and (fault := fault_of(position, topic_id="", watermarks=(low, high))):
                faults.append(fault)
            if next_offset < high:
                unread += high - next_offset
                waiting_since_ms.append(view.timestamp_ms(topic, partition, next_offset))
        first_ms = min((each for each in waiting_since_ms if each is not None), default=None)
        waited_s = 0 if first_ms is None else int(time.time() - first_ms / 1000)
        check, detail = f"consume: {topic}", f"{pluralize(unread, 'message')} not read yet"
        if faults:
            yield failed(check, " ".join(faults), "Follow the instruction for each partition.")
        elif waited_s > STOPPED_S:
            yield failed(check, f"{detail}, the first for {waited_s} s.", _see("consume"))
        else:
            yield ok(check, f"{detail}." if unread else "Every message has been read.")


def _see(command: str) -> str:
    return f"Check that `txplatform {command}` is running; its /readyz and log name the cause."
