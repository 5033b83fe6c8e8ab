"""Check that the inbound topics are being read."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg

from txplatform.consumers import TOPICS
from txplatform.doctor.broker import BrokerView, Cluster
from txplatform.doctor.finding import Finding, failed, ok
from txplatform.inbox.positions import PartitionKey, all_positions, fault_of
from txplatform.pluralize import pluralize

STOPPED_S = 60


def check_consumers(
    connection: psycopg.Connection, view: BrokerView, cluster: Cluster
) -> Iterator[Finding]:
    """Yield one finding a topic; fail if its first unread message has waited over a minute."""
    stored = {
        PartitionKey(position.topic, position.partition): position
        for cluster_id, position in all_positions(connection)
        if cluster_id == cluster.cluster_id
    }
    for topic in TOPICS:
        if topic not in cluster.topics:
            continue  # reported by the check `topics`
        unread = 0
        waiting_since_ms = []
        faults = []
        for partition in range(cluster.topics[topic].partitions):
            low, high = view.ends(topic, partition)
            position = stored.get(PartitionKey(topic, partition))
            next_offset = low if position is None else position.next_offset
            if position is not None:
                fault = fault_of(position, topic_id="", watermarks=(low, high))
                faults += [fault] if fault else []
            if next_offset < high:
                unread += high - next_offset
                waiting_since_ms.append(view.timestamp_ms(topic, partition, next_offset))
        first_ms = min((each for each in waiting_since_ms if each is not None), default=None)
        waited_s = 0 if first_ms is None else int(time.time() - first_ms / 1000)
        yield _finding(f"consume: {topic}", unread, waited_s, faults)


def _finding(check: str, unread: int, waited_s: int, faults: list[str]) -> Finding:
    if faults:
        return failed(check, " ".join(faults), "Follow the instruction for each partition.")
    if waited_s > STOPPED_S:
        return failed(
            check,
            f"{pluralize(unread, 'message')} not read yet, the first for {waited_s} s.",
            "Check that `txplatform consume` is running; its /readyz and log name the cause.",
        )
    if unread:
        return ok(check, f"{pluralize(unread, 'message')} not read yet.")
    return ok(check, "Every message has been read.")
