"""Applies a batch of messages: events, ledger rows and positions in one transaction.

Accounts are remembered from batch to batch, so that they need not be replayed each time. Only
what was committed is remembered: accounts are taken out for the time of the transaction and given
back behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from txplatform.consumers.deciding import decide, store_events, stream_of
from txplatform.consumers.positions import advance
from txplatform.consumers.reading import Refusal
from txplatform.consumers.recording import ContentKey, RefusedBefore, record, refused_before
from txplatform.consumers.verdict import MessageStatus, Verdict
from txplatform.decisions.staleness import Staleness
from txplatform.errors import TxPlatformError
from txplatform.eventstore.batch import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from txplatform.consumers.deciding import Decided
    from txplatform.consumers.positions import Move
    from txplatform.consumers.reading import Reading
    from txplatform.decisions.cache import AccountCache


class ContradictionError(TxPlatformError):
    """What is stored contradicts itself; nothing was appended."""

    def __init__(self, streams: set[str]) -> None:
        super().__init__(
            f"Events of {len(streams)} accounts cannot be appended: {', '.join(sorted(streams))}.",
            why="The log's lock was held while they were read and decided.",
            next_step="Run `txplatform verify`, and report this.",
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of one cluster, and how far they take the positions."""

    cluster_id: str
    readings: Sequence[Reading]
    moves: Sequence[Move]


@dataclass(slots=True)
class Memory:
    """What is remembered from batch to batch: accounts, and how often they are behind the log."""

    accounts: AccountCache
    staleness: Staleness = field(default_factory=Staleness)


def apply_batch(connection: psycopg.Connection, batch: Batch, memory: Memory) -> Decided:
    """Apply a batch and commit.

    It is decided without holding anyone up; only where someone else was faster the accounts
    concerned are decided again, under the log's lock, which is ours from the append on.

    Raises:
        FencedError: Another consumer has moved a position; nothing is stored.
    """
    with connection.transaction():
        decided = decide(
            connection,
            batch.readings,
            _recall(batch.readings, memory.accounts),
            read_first=memory.staleness.frequent,
        )
        clashing = store_events(connection, decided)
        memory.staleness.note(decided.looked_at, decided.behind)
        memory.staleness.note(len(decided.trusted), len(clashing & decided.trusted))
        if clashing:
            _decide_again(connection, batch.readings, decided, clashing)
        decided.verdicts = _remember(connection, batch.readings, decided.verdicts)
        record(connection, list(zip(batch.readings, decided.verdicts, strict=True)))
        advance(connection, batch.cluster_id, batch.moves)
    memory.accounts.keep(decided.workspace.accounts.values())
    return decided


def store_all_events(connection: psycopg.Connection, decided: Decided) -> None:
    """Append what was read and decided under the log's lock, so that nobody can be faster.

    Raises:
        ContradictionError: The events contradict what is stored under the same keys.
    """
    if clashing := store_events(connection, decided):
        raise ContradictionError(clashing)


def _recall(readings: Sequence[Reading], remembered: AccountCache) -> Workspace:
    """The accounts that are remembered, from now on ours alone."""
    workspace = Workspace()
    for reading in readings:
        if not isinstance(reading.asks, Refusal):
            stream = stream_of(reading.asks)
            if (account := remembered.take(stream)) is not None:
                workspace.accounts[stream] = account
    return workspace


def _decide_again(
    connection: psycopg.Connection,
    readings: Sequence[Reading],
    decided: Decided,
    clashing: set[str],
) -> None:
    """Decide the messages to these accounts on what is stored in truth."""
    places = [
        place
        for place, reading in enumerate(readings)
        if not isinstance(reading.asks, Refusal) and stream_of(reading.asks) in clashing
    ]
    again = decide(connection, [readings[place] for place in places], Workspace())
    store_all_events(connection, again)
    for place, verdict in zip(places, again.verdicts, strict=True):
        decided.verdicts[place] = verdict
    decided.workspace.accounts.update(again.workspace.accounts)
    decided.events += again.events


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
