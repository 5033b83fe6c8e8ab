"""What a request is answered with: whether an earlier one had caused it already (I4)."""

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
def test_i4_only_what_an_earlier_request_had_caused_is_replayed(
    lost: list[OutcomeStatus], settled: OutcomeStatus, *, replayed: bool
) -> None:
    """Attempts whose reply was lost come first; what one of them stored is this request's own."""
    command = purchase(ACCOUNT, "t", 1)
    outcome = Stream().ask(command)
    assert isinstance(outcome, Outcome)

    async def answer() -> Decided:
        future = asyncio.get_running_loop().create_future()
        pending = PendingCommand(command, ORIGIN)
        request = CommandRequest(account_stream(ACCOUNT), future, 0.0, pending, 0.0)
        for status in lost:
            pending.result = Outcome(status, outcome.event)
            request.doubt()
        pending.result = Outcome(settled, outcome.event)
        request.settle()
        decided: Decided = await future
        return decided

    decided = asyncio.run(answer())
    assert decided == Decided(Outcome(settled, outcome.event), replayed)
