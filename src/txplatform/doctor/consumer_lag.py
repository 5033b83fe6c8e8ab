"""Are the inbound topics read to their ends?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from txplatform.consumers import TOPICS
from txplatform.consumers.positions import PartitionKey, all_positions, fault_of
from txplatform.counted import counted
from txplatform.doctor.finding import Finding, failed, ok

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from txplatform.doctor.broker import BrokerView, Cluster

STOPPED_S = 60


def check_consumers(
    connection: psycopg.Connection, view: BrokerView, cluster: Cluster
) -> Iterator[Finding]:
    """Messages of each topic that have been waiting for longer than a minute."""
    stored = {
        PartitionKey(position.topic, position.partition): position
        for cluster_id, position in all_positions(connection)
        if cluster_id == cluster.cluster_id
    }
    minute_ago_ms = int((time.time() - STOPPED_S) * 1000)
    for topic in TOPICS:
        if topic not in cluster.topics:
            continue  # told by `topics`
        unread = overdue = 0
        faults = []
        for partition in range(cluster.topics[topic].partitions):
            low, high = view.ends(topic, partition)
            position = stored.get(PartitionKey(topic, partition))
            next_offset = low if position is None else position.next_offset
            if position is not None:
                fault = fault_of(position, topic_id="", watermarks=(low, high))
                faults += [fault] if fault else []
            recent = view.first_since(topic, partition, minute_ago_ms)
            unread += max(0, high - next_offset)
            overdue += max(0, (high if recent is None else recent) - next_offset)
        yield _finding(f"consume: {topic}", unread, overdue, faults)


def _finding(check: str, unread: int, overdue: int, faults: list[str]) -> Finding:
    if faults:
        return failed(check, " ".join(faults), "Do as it says for each partition named.")
    if overdue:
        return failed(
            check,
            f"Waiting for more than {STOPPED_S} s: {counted(overdue, 'message')}.",
            "See that `txplatform consume` runs; its /readyz and log say what holds it up.",
        )
    if unread:
        return ok(check, f"On the way: {counted(unread, 'message')}.")
    return ok(check, "It is read to its end.")
