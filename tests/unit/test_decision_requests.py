"""Responses to commands: replayed only if an earlier request caused the outcome (invariant I4)."""

from __future__ import annotations

import asyncio

import pytest

from harness.commands import ACCOUNT, ORIGIN, purchase
from harness.streams import Stream
from txplatform.decisions.request import CommandRequest, Decided
from txplatform.domain.commands.outcome import Outcome, OutcomeStatus
from txplatform.domain.ids import account_stream
from txplatform.processing.pending_command import PendingCommand


@pytest.mark.parametrize(
    ("lost", "settled", "replayed"),
    [
        ([], OutcomeStatus.APPLIED, False),
        ([], OutcomeStatus.WAITING, False),
        ([], OutcomeStatus.STALE, False),
        ([], OutcomeStatus.DUPLICATE, True),
        ([OutcomeStatus.APPLIED], OutcomeStatus.DUPLICATE, False),
        ([OutcomeStatus.WAITING, OutcomeStatus.DUPLICATE], OutcomeStatus.DUPLICATE, False),
        ([OutcomeStatus.DUPLICATE], OutcomeStatus.DUPLICATE, True),
        ([OutcomeStatus.DUPLICATE, OutcomeStatus.DUPLICATE], OutcomeStatus.DUPLICATE, True),
    ],
)
def test_i4_an_outcome_is_replayed_only_if_an_earlier_request_had_caused_it(
    lost: list[OutcomeStatus], settled: OutcomeStatus, *, replayed: bool
) -> None:
    """An event stored by an earlier attempt of the same request is not a replay."""
    command = purchase(ACCOUNT, "t", 1)
    outcome = Stream().ask(command)
    assert isinstance(outcome, Outcome)

    async def response() -> Decided:
        future = asyncio.get_running_loop().create_future()
        pending = PendingCommand(command, ORIGIN)
        request = CommandRequest(account_stream(ACCOUNT), future, 0.0, pending, 0.0)
        for status in lost:
            pending.result = Outcome(status, outcome.event)
            request.reset(in_doubt=True)
        pending.result = Outcome(settled, outcome.event)
        request.settle()
        decided: Decided = await future
        return decided

    decided = asyncio.run(response())
    assert decided == Decided(Outcome(settled, outcome.event), replayed)
