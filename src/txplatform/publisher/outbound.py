"""The feed of the log: which events are published, and on which topic.

To publish another kind of event, write its module and add a line to `_RECORDS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from txplatform.domain.events import AuthorizationApproved, AuthorizationDeclined
from txplatform.eventstore.log import last_position, read_log
from txplatform.publisher import transaction_decisioned
from txplatform.publisher.feed import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import psycopg

    from txplatform.domain.events import AccountEvent
    from txplatform.publisher.feed import Record

_RECORDS: Mapping[type[AccountEvent], Callable[[int, Any], Record]] = {
    AuthorizationApproved: transaction_decisioned.decision_record,
    AuthorizationDeclined: transaction_decisioned.decision_record,
}

BATCH_EVENTS = 1000


class Outbound:
    """Everything of the log that other teams read."""

    name = "decisions"
    lock = 1
    topics: Sequence[str] = (transaction_decisioned.TOPIC,)
    pause_s = 0.05

    def read(self, connection: psycopg.Connection, after: int) -> Batch | None:  # noqa: D102
        logged = read_log(connection, after, BATCH_EVENTS)
        if not logged:
            return None
        return Batch(
            logged[-1].position,
            [
                make(each.position, each.event)
                for each in logged
                if (make := _RECORDS.get(type(each.event))) is not None
            ],
        )

    def end(self, connection: psycopg.Connection) -> int:  # noqa: D102
        return last_position(connection)
