"""What comes of the client's messages, whatever was sent."""

from __future__ import annotations

from confluent_kafka import Producer

from harness.inbound import SUBMITTED
from harness.raw_records import send_bytes
from txplatform.consumers.broker import Broker, Origin
from txplatform.demo.bus import DemoBus
from txplatform.inbox.message import UNREADABLE_HEADERS, ReceivedMessage
from txplatform.inbox.positions import PartitionKey
from txplatform.settings import Settings

MANY = 3000
"""What is called as often Python calls with fewer checks; the client leaves an error behind."""


def test_headers_that_cannot_be_read_are_told_behind_many_that_can() -> None:
    """Their messages are there all the same."""
    bus = DemoBus()
    producer = Producer({"bootstrap.servers": bus.bootstrap_servers})
    for number in range(MANY):
        producer.produce(SUBMITTED, b"{}", partition=0, headers=[("number", b"%d" % number)])
    producer.flush()
    for _ in range(3):
        send_bytes(bus.bootstrap_servers, SUBMITTED, b"k", b"{}", [(b"na\xefve", b"1")])
    settings = Settings(
        _env_file=None,
        database_url="postgresql://nowhere",
        kafka_bootstrap_servers=bus.bootstrap_servers,
    )
    broker = Broker(settings)
    messages: list[ReceivedMessage] = []
    try:
        broker.read_from({PartitionKey(SUBMITTED, 0): 0})
        while len(messages) < MANY + 3:
            polled = broker.poll(1000, 10, Origin())
            assert polled.messages or polled.ends, polled
            messages += polled.messages
    finally:
        broker.leave()
    assert [each.headers for each in messages[-4:]] == [
        (("number", b"2999"),),
        *[UNREADABLE_HEADERS] * 3,
    ]
