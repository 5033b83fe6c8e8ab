"""A member of the consumer group that needs no broker."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count

import psycopg

from harness.commands import NOW
from harness.inbound import (
    LIMIT_CHANGED,
    OPENED,
    PRESENTED,
    RETURNED,
    STATUS_CHANGED,
    SUBMITTED,
    Body,
)
from txplatform.consumers.batch_processor import InboundBatch, process
from txplatform.consumers.parsing import ParsedMessage, read_message
from txplatform.domain.ids import AccountId, account_stream
from txplatform.inbox.message import Headers, ReceivedMessage
from txplatform.inbox.positions import Move, Position, begin, reset
from txplatform.processing.account_cache import AccountCache

_TOPIC_WITH = {
    "returned_at": RETURNED,
    "payment_id": SUBMITTED,
    "clearing_id": PRESENTED,
    "limit_version": LIMIT_CHANGED,
    "status_version": STATUS_CHANGED,
}
"""The topic of a body that has this member; otherwise the body opens an account."""


class Member:
    """A consumer without a broker, with a partition of its own."""

    _partitions = count()

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.cached = AccountCache(10)
        self.partition = next(self._partitions)
        self.offset = 0
        begin(self.connection, "cluster", [Position(SUBMITTED, self.partition, "id", 0)])

    def apply(self, *bodies: Body, expected: int | None = None) -> list[str]:
        """Process messages in one batch; return the status of each."""
        parsed_messages = [
            self._parsed(place, body["account_id"].encode(), body)
            for place, body in enumerate(bodies)
        ]
        return self._process(parsed_messages, expected)

    def apply_raw(self, key: bytes | None, body: Body, headers: Headers = ()) -> str:
        """Process one message with any key and headers; return its status."""
        return self._process([self._parsed(0, key, body, headers)])[0]

    def reset(self) -> None:
        """Go back to the beginning, as `txplatform inbound reset` does."""
        reset(self.connection, SUBMITTED, self.partition)
        self.offset = 0
        begin(self.connection, "cluster", [Position(SUBMITTED, self.partition, "id", 0)])

    def _process(
        self, parsed_messages: Sequence[ParsedMessage], expected: int | None = None
    ) -> list[str]:
        before = self.offset if expected is None else expected
        move = Move(SUBMITTED, self.partition, before, self.offset + len(parsed_messages))
        batch = InboundBatch("cluster", parsed_messages, [move], NOW)
        outcomes, _ = process(self.connection, self.cached, batch)
        self.offset += len(parsed_messages)
        return [outcome.status.value for outcome in outcomes]

    def version_cached(self, account_id: str) -> int | None:
        """Return the version of the account if it is cached. It stays cached."""
        account = self.cached.take(account_stream(AccountId(account_id)))
        if account is None:
            return None
        self.cached.keep([account])
        return account.version

    def _parsed(
        self, place: int, key: bytes | None, body: Body, headers: Headers = ()
    ) -> ParsedMessage:
        topic = next((_TOPIC_WITH[name] for name in _TOPIC_WITH if name in body), OPENED)
        value = json.dumps(body).encode()
        offset = self.offset + place
        message = ReceivedMessage(
            "cluster", topic, "id", self.partition, offset, None, key, headers, value
        )
        return read_message(message)
