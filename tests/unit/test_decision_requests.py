"""What a request is answered with: whether an earlier one had caused it already (I4)."""

from __future__ import annotations

import asyncio

import pytest
from accounts import ACCOUNT, Stream, purchase

from txplatform.decisions.request import Decided, Request
from txplatform.domain.commands.authorize import Authorize
from txplatform.domain.commands.outcome import Outcome, Status
from txplatform.domain.ids import account_stream


@pytest.mark.parametrize(
    ("lost", "settled", "replayed"),
    [
        ([], Status.APPLIED, False),
        ([], Status.WAITING, False),
        ([], Status.STALE, False),
        ([], Status.DUPLICATE, True),
        ([Status.APPLIED], Status.DUPLICATE, False),
        ([Status.WAITING, Status.DUPLICATE], Status.DUPLICATE, False),
        ([Status.DUPLICATE], Status.DUPLICATE, True),
        ([Status.DUPLICATE, Status.DUPLICATE], Status.DUPLICATE, True),
    ],
)
def test_i4_only_what_an_earlier_request_had_caused_is_replayed(
    lost: list[Status], settled: Status, *, replayed: bool
) -> None:
    """Attempts whose reply was lost come first; what one of them stored is this request's own."""
    command = Authorize(purchase("t", 1))
    outcome = Stream().ask(command)
    assert isinstance(outcome, Outcome)

    async def answer() -> Decided:
        future = asyncio.get_running_loop().create_future()
        request = Request(account_stream(ACCOUNT), ACCOUNT, command, "", future, 0.0, 0.0)
        for status in lost:
            request.result = Outcome(status, outcome.event)
            request.doubt_result()
        request.result = Outcome(settled, outcome.event)
        request.settle()
        decided: Decided = await future
        return decided

    decided = asyncio.run(answer())
    assert decided == Decided(Outcome(settled, outcome.event), replayed)
