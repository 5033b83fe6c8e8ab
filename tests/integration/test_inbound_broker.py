"""Messages as the Kafka client returns them."""

from __future__ import annotations

from confluent_kafka import Producer

from harness.inbound import SUBMITTED
from harness.raw_records import send_bytes
from txplatform.consumers.broker import Broker, Origin
from txplatform.consumers.group import Identity
from txplatform.demo.bus import DemoBus
from txplatform.inbox.message import UNREADABLE_HEADERS, ReceivedMessage
from txplatform.inbox.positions import PartitionKey
from txplatform.settings import Settings

MANY = 3000
"""CPython specialises a call made this often, and then misses the exception the client leaves."""


def test_unreadable_headers_are_marked_even_after_many_readable_ones() -> None:
    """A poll returns their messages."""
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
    broker = Broker(settings, Identity("group", "client"))
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
