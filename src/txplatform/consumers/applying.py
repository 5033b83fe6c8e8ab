"""Applies a batch of messages: events, ledger rows and positions in one transaction.

Accounts are remembered from batch to batch, so that they need not be replayed each time. Only
what was committed is remembered: accounts are taken out for the time of the transaction and given
back behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg

from txplatform.consumers.deciding import Decided, decide, store_events, stream_of
from txplatform.consumers.parsing import ParsedMessage, Rejection
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.errors import TxPlatformError
from txplatform.eventstore.batch import UnitOfWork
from txplatform.inbox.message_outcome import MessageOutcome
from txplatform.inbox.positions import Move, advance
from txplatform.inbox.writer import ContentKey, RefusedBefore, record, refused_before
from txplatform.processing.account_cache import AccountCache
from txplatform.processing.conflict_rate import ConflictRate


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
    parsed_messages: Sequence[ParsedMessage]
    moves: Sequence[Move]


@dataclass(slots=True)
class Memory:
    """What is remembered from batch to batch: accounts, and how often they are behind the log."""

    accounts: AccountCache
    conflict_rate: ConflictRate = field(default_factory=ConflictRate)


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
            batch.parsed_messages,
            _recall(batch.parsed_messages, memory.accounts),
            read_first=memory.conflict_rate.high,
        )
        clashing = store_events(connection, decided)
        memory.conflict_rate.note(decided.looked_at, decided.behind)
        memory.conflict_rate.note(len(decided.trusted), len(clashing & decided.trusted))
        if clashing:
            _decide_again(connection, batch.parsed_messages, decided, clashing)
        decided.outcomes = _remember(connection, batch.parsed_messages, decided.outcomes)
        record(connection, list(zip(batch.parsed_messages, decided.outcomes, strict=True)))
        advance(connection, batch.cluster_id, batch.moves)
    memory.accounts.keep(decided.work.accounts.values())
    return decided


def store_all_events(connection: psycopg.Connection, decided: Decided) -> None:
    """Append what was read and decided under the log's lock, so that nobody can be faster.

    Raises:
        ContradictionError: The events contradict what is stored under the same keys.
    """
    if clashing := store_events(connection, decided):
        raise ContradictionError(clashing)


def _recall(parsed_messages: Sequence[ParsedMessage], remembered: AccountCache) -> UnitOfWork:
    """The accounts that are remembered, from now on ours alone."""
    work = UnitOfWork()
    for parsed in parsed_messages:
        if not isinstance(parsed.command, Rejection):
            stream = stream_of(parsed.command)
            if (account := remembered.take(stream)) is not None:
                work.accounts[stream] = account
    return work


def _decide_again(
    connection: psycopg.Connection,
    parsed_messages: Sequence[ParsedMessage],
    decided: Decided,
    clashing: set[str],
) -> None:
    """Decide the messages to these accounts on what is stored in truth."""
    places = [
        place
        for place, parsed in enumerate(parsed_messages)
        if not isinstance(parsed.command, Rejection) and stream_of(parsed.command) in clashing
    ]
    again = decide(connection, [parsed_messages[place] for place in places], UnitOfWork())
    store_all_events(connection, again)
    for place, outcome in zip(places, again.outcomes, strict=True):
        decided.outcomes[place] = outcome
    decided.work.accounts.update(again.work.accounts)
    decided.events += again.events


def _remember(
    connection: psycopg.Connection,
    parsed_messages: Sequence[ParsedMessage],
    outcomes: Sequence[MessageOutcome],
) -> list[MessageOutcome]:
    """Park contents once: what was refused before is a duplicate of it, or stays discarded."""
    refused = [
        parsed.message
        for parsed, outcome in zip(parsed_messages, outcomes, strict=True)
        if outcome.status is MessageStatus.PARKED
    ]
    if not refused:
        return list(outcomes)
    before: dict[ContentKey, RefusedBefore | None] = dict(refused_before(connection, refused))
    result = []
    for parsed, outcome in zip(parsed_messages, outcomes, strict=True):
        if outcome.status is not MessageStatus.PARKED:
            result.append(outcome)
            continue
        content = ContentKey.of(parsed.message)
        if content in before:
            result.append(_refused_again(outcome, before[content]))
        else:
            before[content] = None
            result.append(outcome)
    return result


def _refused_again(outcome: MessageOutcome, first: RefusedBefore | None) -> MessageOutcome:
    if first is None:
        status, of_what = MessageStatus.DUPLICATE, "one that came just before it and is parked"
    elif first.discarded:
        status, of_what = MessageStatus.DISCARDED, f"message {first.message_id}, which is discarded"
    else:
        status, of_what = MessageStatus.DUPLICATE, f"message {first.message_id}, which is parked"
    return MessageOutcome(
        status,
        outcome.account_id,
        outcome.business_key,
        outcome.reason,
        f"The same as {of_what}: {outcome.detail}",
    )
