"""Notify the open pages of an account when the platform has published an event of the account.

Every process reads all topics that the platform publishes, from their end, since any process may
have pages open. Nothing is stored: a page that connects again reads the account anew.
"""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from uuid import uuid4

from confluent_kafka import Consumer, KafkaException, TopicPartition

from txbank.kafka import ReportedFault, client_config
from txbank.part import Health, retry_faults
from txbank.settings import CommonSettings
from txplatform_client.kafka.outbound import OUTBOUND

_BATCH = 500
_POLL_S = 0.25
_OFFSETS_TIMEOUT_S = 10
_LONGEST_WAIT_S = 60


class Watch:
    """An open page. Its methods are called in the event loop of the page's request.

    Attributes:
        position: The log position up to which the page should be complete.
        closed: True once the process stops.
    """

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.position = 0
        self.closed = False
        self._changed = asyncio.Event()

    def note(self, position: int, *, closed: bool = False) -> None:
        """Note that the account has changed."""
        self.position = max(self.position, position)
        self.closed = self.closed or closed
        self._changed.set()

    async def changed(self) -> None:
        """Wait for a change, a minute at most. Changes that were noted meanwhile count as one."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), _LONGEST_WAIT_S)
        self._changed.clear()


class Live:
    """The part of the process that reads the platform's topics for the open pages."""

    name = "web live"

    def __init__(self, settings: CommonSettings) -> None:
        self.health = Health(ready=True, detail="starting")
        self._settings = settings
        self._lock = threading.Lock()
        self._watches: dict[str, set[Watch]] = defaultdict(set)

    @contextmanager
    def watch(self, account_id: str) -> Iterator[Watch]:
        """Register an open page of an account, until the context ends."""
        watch = Watch()
        with self._lock:
            self._watches[account_id].add(watch)
        try:
            yield watch
        finally:
            with self._lock:
                self._watches[account_id].discard(watch)
                if not self._watches[account_id]:
                    del self._watches[account_id]

    def run(self, stop: threading.Event) -> None:
        """Read the topics until `stop` is set, through faults of the brokers."""
        try:
            retry_faults(self, self._consume, stop)
        finally:
            self._note_all(closed=True)

    def _consume(self, stop: threading.Event) -> None:
        fault = ReportedFault()
        consumer = Consumer(
            {
                **client_config(self._settings, fault),
                "group.id": f"txbank-web-{uuid4()}",  # every process gets every message
                "enable.auto.commit": False,
            }
        )
        consumer.subscribe([kind.TOPIC for kind in OUTBOUND], on_assign=self._begin_at_end)
        try:
            while not stop.is_set():
                for message in consumer.consume(_BATCH, _POLL_S):
                    if (error := message.error()) is not None:
                        raise KafkaException(error)
                    headers = dict(message.headers() or [])
                    position = int(headers.get("log_position") or 0)
                    self._note((message.key() or b"").decode("utf-8", "replace"), position)
                fault.require_brokers(consumer)
                self.health = Health(ready=True, detail="consuming")
        finally:
            consumer.close()

    def _begin_at_end(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Begin at the ends of the topics as they are now, then let all pages catch up."""
        for each in partitions:
            _, each.offset = consumer.get_watermark_offsets(each, timeout=_OFFSETS_TIMEOUT_S)
        consumer.assign(partitions)
        self._note_all()

    def _note(self, account_id: str, position: int) -> None:
        with self._lock:
            for watch in self._watches.get(account_id, ()):
                watch.loop.call_soon_threadsafe(watch.note, position)

    def _note_all(self, *, closed: bool = False) -> None:
        with self._lock:
            for watches in self._watches.values():
                for watch in watches:
                    watch.loop.call_soon_threadsafe(partial(watch.note, 0, closed=closed))
