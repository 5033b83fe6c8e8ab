"""Check that the workers keep up with the log, with expiring holds and with the inbound topics.

Lag is how long the oldest unprocessed event, hold or message has waited. It is not measured in log
positions, because these have gaps.
"""

import time
from collections.abc import Iterator

import psycopg

from txplatform.consumers.backlog import HELD_BACK
from txplatform.consumers.group import (
    STRANGER_ADVICE,
    describe_strangers,
    read_identity,
    strangers_among,
)
from txplatform.contracts.messages import INBOUND
from txplatform.doctor.broker import BrokerView, Cluster
from txplatform.doctor.finding import Finding, failed, ok, warning
from txplatform.following.checkpoint import Checkpoint, read_with_waits
from txplatform.inbox.positions import PartitionKey, all_positions, fault_of
from txplatform.pluralize import pluralize
from txplatform.projections import PROJECTIONS
from txplatform.projections.projection import checkpoint_of, skipped_events
from txplatform.publisher.feed_publisher import checkpoint_of as checkpoint_of_feed
from txplatform.publisher.runner import FEEDS
from txplatform.settings import Settings

SLOW_S = 10

_OVERDUE = """
SELECT extract(epoch FROM clock_timestamp() - real_time(min(expires_at)))::float8
FROM transactions
WHERE held > 0 AND expires_at IS NOT NULL AND expires_at <= (SELECT decision_clock())
"""


def check_projector(connection: psycopg.Connection, stalled_after_s: float) -> Iterator[Finding]:
    """Measure the lag of each read model."""
    checkpoints = [checkpoint_of(each.name) for each in PROJECTIONS]
    return _log_lags(connection, "project", checkpoints, stalled_after_s)


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


def check_publisher(connection: psycopg.Connection, stalled_after_s: float) -> Iterator[Finding]:
    """Measure the publisher's lag in each of its feeds, such as events or parked messages."""
    checkpoints = [checkpoint_of_feed(feed()) for feed in FEEDS]
    return _log_lags(connection, "publish", checkpoints, stalled_after_s)


def _log_lags(
    connection: psycopg.Connection,
    command: str,
    checkpoints: list[Checkpoint],
    stalled_after_s: float,
) -> Iterator[Finding]:
    found = read_with_waits(connection, [each.name for each in checkpoints])
    for checkpoint, (_, waited_s) in zip(checkpoints, found, strict=True):
        yield age_finding(
            f"{command}: {checkpoint.name.partition(':')[2]}",
            command,
            waited_s,
            stalled_after_s,
            some="The oldest unprocessed event has waited for {} s.",
            none="Every event has been processed.",
        )


def check_overdue_holds(
    connection: psycopg.Connection, stalled_after_s: float
) -> Iterator[Finding]:
    """Measure how long ago the most overdue hold should have expired."""
    ((overdue_s,),) = connection.execute(_OVERDUE).fetchall()
    yield age_finding(
        "overdue holds",
        "project",
        overdue_s,
        stalled_after_s,
        some="The oldest open hold should have expired {} s ago.",
        none="No hold is overdue.",
    )


def age_finding(  # noqa: PLR0913  # the texts are named
    check: str,
    command: str,
    age_s: float | None,
    stalled_after_s: float,
    *,
    some: str,
    none: str,
) -> Finding:
    """Return the finding for the age of the oldest unprocessed item.

    Args:
        check: The name of the check.
        command: The worker command that processes the items.
        age_s: The item's age; None if nothing is unprocessed.
        stalled_after_s: The age above which the check fails.
        some: The finding's detail if there is an item; `{}` stands for the age in seconds.
        none: The finding's detail if nothing is unprocessed.
    """
    if age_s is None:
        return ok(check, none)
    detail = some.format(f"{age_s:.0f}")
    if age_s > stalled_after_s:
        return failed(check, detail, _see(command))
    if age_s > SLOW_S:
        return warning(check, detail, f"Check again soon; see /readyz of `txplatform {command}`.")
    return ok(check, detail)


def check_consumers(
    connection: psycopg.Connection, view: BrokerView, cluster: Cluster, stalled_after_s: float
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
        waiting: list[tuple[int, int, int]] = []  # since when in ms, partition, next offset
        faults = []
        for partition in range(cluster.topics[topic].partitions):
            low, high = view.ends(topic, partition)
            position = stored.get(PartitionKey(topic, partition))
            next_offset = low if position is None else position.next_offset
            if position and (fault := fault_of(position, topic_id="", watermarks=(low, high))):
                faults.append(fault)
            if next_offset < high:
                unread += high - next_offset
                since_ms = view.timestamp_ms(topic, partition, next_offset)
                if since_ms is not None:
                    waiting.append((since_ms, partition, next_offset))
        waited_s = int(time.time() - min(waiting)[0] / 1000) if waiting else 0
        check, detail = f"consume: {topic}", f"{pluralize(unread, 'message')} not read yet"
        if faults:
            yield failed(check, " ".join(faults), "Follow the instruction for each partition.")
        elif waited_s > stalled_after_s:
            _, partition, next_offset = min(waiting)
            detail = f"{detail}, the first for {waited_s} s"
            if view.stable_end(topic, partition) <= next_offset:
                yield failed(
                    check,
                    f"{detail}. Those in partition {partition} are {HELD_BACK}.",
                    "Find the producer with `kafka-transactions.sh find-hanging`. The messages"
                    " arrive, or are dropped with its transaction, without anything to do here.",
                )
            else:
                yield failed(check, f"{detail}.", _see("consume"))
        else:
            yield ok(check, f"{detail}." if unread else "Every message has been read.")


def check_group(
    connection: psycopg.Connection, view: BrokerView, cluster: Cluster, settings: Settings
) -> Iterator[Finding]:
    """Fail if a process that is not connected to this database reads inbound partitions."""
    if cluster.is_mock:
        return  # it knows no members
    group_id = read_identity(settings, connection).group_id
    members = view.members(group_id)
    if words := describe_strangers(members, strangers_among(connection, members)):
        yield failed("consumer group", f"{group_id}: {words}.", STRANGER_ADVICE)
    else:
        yield ok(
            "consumer group",
            f"{group_id} has {pluralize(len(members), 'member')}, connected to this database.",
        )


def _see(command: str) -> str:
    return f"Check that `txplatform {command}` is running; its /readyz and log name the cause."
