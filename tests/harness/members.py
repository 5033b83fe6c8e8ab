"""A member of the consumer group that needs no broker."""

from __future__ import annotations

import json
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
from txplatform.inbox.message import ReceivedMessage
from txplatform.inbox.positions import Move, Position, begin
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
        parsed_messages = [self._parsed(place, body) for place, body in enumerate(bodies)]
        before = self.offset if expected is None else expected
        move = Move(SUBMITTED, self.partition, before, self.offset + len(bodies))
        batch = InboundBatch("cluster", parsed_messages, [move], NOW)
        outcomes, _ = process(self.connection, self.cached, batch)
        self.offset += len(bodies)
        return [outcome.status.value for outcome in outcomes]

    def version_cached(self, account_id: str) -> int | None:
        """Return the version of the account if it is cached. It stays cached."""
        account = self.cached.take(account_stream(AccountId(account_id)))
        if account is None:
            return None
        self.cached.keep([account])
        return account.version

    def _parsed(self, place: int, body: Body) -> ParsedMessage:
        topic = next((_TOPIC_WITH[name] for name in _TOPIC_WITH if name in body), OPENED)
        key, value = body["account_id"].encode(), json.dumps(body).encode()
        offset = self.offset + place
        message = ReceivedMessage(
            "cluster", topic, "id", self.partition, offset, None, key, (), value
        )
        return read_message(message)
