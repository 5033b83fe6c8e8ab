"""The broker of a whole installation: Apache Kafka, or a mock if Java or Maven is missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, sleep

import psutil
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from harness.kafka import Broker, can_start_broker
from txplatform.demo.bus import DemoBus

KAFKA, MOCK = "Apache Kafka", "mock, since Java or Maven is missing"
_SCRATCH = "benchmark-warm-up"
_PARTITIONS, _RECORDS, _RECORD_BYTES, _PAUSE_S = 12, 100, 700, 0.02
"""The warm-up sends about as many records as the publisher does under load."""


@dataclass(frozen=True)
class RunningBroker:
    """A broker with its process; `name` is shown in the conditions of a row."""

    name: str
    address: str
    process: psutil.Process


@contextmanager
def running_broker(warm_up_s: float) -> Iterator[RunningBroker]:
    """Run a broker until the context ends. The warm-up lets Java compile Kafka's code."""
    if can_start_broker():
        with Broker() as broker:
            _warm_up(broker.bootstrap, warm_up_s)
            yield RunningBroker(KAFKA, broker.bootstrap, psutil.Process(broker.pid))
    else:
        with _mock() as running:
            yield running


@contextmanager
def _mock() -> Iterator[RunningBroker]:
    command = [sys.executable, "-m", "benchmarks.brokers"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        yield RunningBroker(MOCK, address, psutil.Process(process.pid))
        process.communicate()  # closes its input, which ends it


def _warm_up(address: str, seconds: float) -> None:
    client: dict[str, str | int | float | bool] = {"bootstrap.servers": address, "log_level": 0}
    admin = AdminClient(client)
    admin.create_topics([NewTopic(_SCRATCH, _PARTITIONS, 1)])[_SCRATCH].result()
    producer = Producer({**client, "acks": "all", "compression.type": "lz4"})
    ends = monotonic() + seconds
    while monotonic() < ends:
        for number in range(_RECORDS):
            producer.produce(_SCRATCH, bytes(_RECORD_BYTES), str(number))
        producer.flush()
        sleep(_PAUSE_S)
    admin.delete_topics([_SCRATCH])[_SCRATCH].result()


if __name__ == "__main__":
    bus = DemoBus()
    print(bus.bootstrap_servers, flush=True)
    sys.stdin.read()
