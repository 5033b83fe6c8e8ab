"""Applies a batch of messages: events, ledger rows and positions in one transaction.

Each message is always tried on the account's present state. One that is refused is parked
alone: messages commute, so nothing has to wait behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from txplatform.consumers.positions import advance
from txplatform.consumers.reading import Refusal
from txplatform.consumers.recording import ContentKey, RefusedBefore, record, refused_before
from txplatform.consumers.verdict import MessageStatus, Verdict
from txplatform.domain.account import Stamp
from txplatform.domain.commands.outcome import CommandRejectedError
from txplatform.domain.ids import account_stream
from txplatform.errors import TxPlatformError
from txplatform.eventstore.batch import BatchStore, Workspace
from txplatform.eventstore.statements import LOCK_LOG

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from txplatform.consumers.positions import Move
    from txplatform.consumers.reading import Reading
    from txplatform.domain.account import Account
    from txplatform.domain.commands.outcome import Command
    from txplatform.domain.events import AccountEvent


class ClashError(TxPlatformError):
    """Someone else appended to an account between reading and appending; nothing is stored."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of one cluster, and how far they take the positions."""

    cluster_id: str
    readings: Sequence[Reading]
    moves: Sequence[Move]


@dataclass(slots=True)
class Applied:
    """What became of a batch.

    Attributes:
        verdicts: One a message, in order.
        workspace: The accounts as they are after it.
        events: What was appended.
    """

    verdicts: list[Verdict]
    workspace: Workspace
    events: list[AccountEvent] = field(default_factory=list)

    def due_for_snapshot(self, every: int) -> list[Account]:
        """The accounts that grew to or past a multiple of this many events."""
        streams = {
            event.originator_id for event in self.events if event.originator_version % every == 0
        }
        return [self.workspace.accounts[stream] for stream in streams]


def apply_batch(connection: psycopg.Connection, batch: Batch) -> Applied:
    """Apply a batch and commit.

    First without holding anyone up: decide on what is read, append, and see whether it still
    fits. If not, once more with the log's lock taken before reading, so that it has to.

    Raises:
        FencedError: Another consumer has moved a position; nothing is stored.
    """
    try:
        return _apply(connection, batch, locked=False)
    except ClashError:
        return _apply(connection, batch, locked=True)


def _apply(connection: psycopg.Connection, batch: Batch, *, locked: bool) -> Applied:
    with connection.transaction():
        if locked:
            connection.execute(LOCK_LOG)
        applied = decide(connection, batch.readings)
        store_events(connection, applied, locked=locked)
        verdicts = applied.verdicts = _remember(connection, batch.readings, applied.verdicts)
        record(connection, list(zip(batch.readings, verdicts, strict=True)))
        advance(connection, batch.cluster_id, batch.moves)
    return applied


def decide(connection: psycopg.Connection, readings: Sequence[Reading]) -> Applied:
    """Decide messages on what is stored now; later ones see what earlier ones did."""
    commands = [
        (reading, reading.asks) for reading in readings if not isinstance(reading.asks, Refusal)
    ]
    keys: dict[str, set[str]] = {}
    for _, command in commands:
        keys.setdefault(account_stream(command.account_id), set()).update(command.keys)
    workspace = Workspace()
    if keys:
        BatchStore(connection).read(workspace, keys, keys)
    now = datetime.now(UTC)
    verdicts = [
        Verdict(MessageStatus.PARKED, reason=reading.asks.reason, detail=reading.asks.detail)
        if isinstance(reading.asks, Refusal)
        else _decide_one(workspace, reading.asks, Stamp(now, _new_event_id, reading.traceparent))
        for reading in readings
    ]
    return Applied(verdicts, workspace)


def store_events(connection: psycopg.Connection, applied: Applied, *, locked: bool) -> None:
    """Append what was decided; the log's lock is held from here to the commit, events or not.

    Raises:
        ClashError: Someone else appended to one of the accounts; the transaction has to be
            rolled back.
    """
    events = applied.events = applied.workspace.collect()
    if not events and not locked:
        connection.execute(LOCK_LOG)
    if clashing := BatchStore(connection).append(events):
        raise ClashError(
            f"{len(clashing)} accounts changed while messages of theirs were decided.",
            why="Another process appended to them."
            if not locked
            else "The log's lock was held: "
            "the events contradict what is stored under the same keys.",
            next_step="Nothing to do: it is decided again." if not locked else "Report this.",
        )


def _decide_one(workspace: Workspace, command: Command, stamp: Stamp) -> Verdict:
    account_id, business_key = command.account_id, command.keys[0]
    try:
        outcome = workspace.decide(account_stream(account_id), command, stamp)
    except CommandRejectedError as error:
        return Verdict(MessageStatus.PARKED, account_id, business_key, error.reason, error.detail)
    return Verdict(
        MessageStatus(outcome.status.value),
        account_id,
        business_key,
        event_id=outcome.event.event_id,
        account_version=outcome.event.originator_version,
    )


def _remember(
    connection: psycopg.Connection, readings: Sequence[Reading], verdicts: Sequence[Verdict]
) -> list[Verdict]:
    """Park contents once: what was refused before is a duplicate of it, or stays discarded."""
    refused = [
        reading.message
        for reading, verdict in zip(readings, verdicts, strict=True)
        if verdict.status is MessageStatus.PARKED
    ]
    if not refused:
        return list(verdicts)
    before: dict[ContentKey, RefusedBefore | None] = dict(refused_before(connection, refused))
    result = []
    for reading, verdict in zip(readings, verdicts, strict=True):
        if verdict.status is not MessageStatus.PARKED:
            result.append(verdict)
            continue
        content = ContentKey.of(reading.message)
        if content in before:
            result.append(_refused_again(verdict, before[content]))
        else:
            before[content] = None
            result.append(verdict)
    return result


def _refused_again(verdict: Verdict, first: RefusedBefore | None) -> Verdict:
    if first is None:
        status, of_what = MessageStatus.DUPLICATE, "one that came just before it and is parked"
    elif first.discarded:
        status, of_what = MessageStatus.DISCARDED, f"message {first.message_id}, which is discarded"
    else:
        status, of_what = MessageStatus.DUPLICATE, f"message {first.message_id}, which is parked"
    return Verdict(
        status,
        verdict.account_id,
        verdict.business_key,
        verdict.reason,
        f"The same as {of_what}: {verdict.detail}",
    )


def _new_event_id() -> str:
    return uuid4().hex
