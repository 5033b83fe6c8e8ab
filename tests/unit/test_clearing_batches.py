"""Batches of clearings during faults: refusal of the whole batch, or results for single items."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from harness.commands import ORIGIN
from txplatform.api.clearing_batches import clear_purchases
from txplatform.api_keys import ApiKey
from txplatform.contracts.clearing_batch import ClearingBatchBody
from txplatform.decisions.errors import OutcomeUnknownError, QueueFullError, StoreUnavailableError
from txplatform.decisions.request import Decided
from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import Clearing
from txplatform.domain.cause import CommandOrigin
from txplatform.domain.commands import decide
from txplatform.domain.commands.prior_events import PriorEvents

NOW = datetime(2026, 11, 20, tzinfo=UTC)
KEY = ApiKey("key_1", "network", ("transactions:write",), NOW, None, None)
FULL, DOWN, UNKNOWN = QueueFullError(), StoreUnavailableError(TimeoutError()), OutcomeUnknownError()


class TroubledDecider:
    """Fails each command with the next of these exceptions; None records the command."""

    def __init__(self, fates: Sequence[Exception | None]) -> None:
        self._fates = iter(fates)

    def submit(self, command: Clearing, *, origin: CommandOrigin) -> asyncio.Future[Decided]:
        """Raise if the queue is full, and set other faults on the future, as `Decider` does."""
        fate = next(self._fates)
        if isinstance(fate, QueueFullError):
            raise fate
        answer: asyncio.Future[Decided] = asyncio.get_running_loop().create_future()
        if fate is not None:
            answer.set_exception(fate)
        else:
            account = Account.unopened(command.account_id)
            context = DecisionContext(NOW, lambda: "event", origin)
            answer.set_result(
                Decided(decide(command, account, PriorEvents(), context), replayed=False)
            )
        return answer


def send(*fates: Exception | None, rubbish: int = 0) -> dict[str, Any]:
    """Return the response to a batch with a valid item for each fate, and some invalid items."""
    items: list[Any] = [
        {"clearing_id": f"c{number}", "account_id": "a", "amount": 1, "currency": "USD"}
        for number in range(len(fates))
    ]
    request: Any = SimpleNamespace(state=SimpleNamespace(origin=ORIGIN))
    services: Any = SimpleNamespace(decider=TroubledDecider(fates))
    body = ClearingBatchBody(items=[*items, *["rubbish"] * rubbish])
    answer = asyncio.run(clear_purchases(request, services, KEY, body))
    found: dict[str, Any] = json.loads(bytes(answer.body))
    return found


@pytest.mark.parametrize("fates", [[FULL], [DOWN, FULL], [FULL] * 3])
@pytest.mark.parametrize("rubbish", [0, 2])
def test_the_whole_batch_is_refused_if_nothing_was_recorded(
    fates: list[Exception], rubbish: int
) -> None:
    """The response is 503, as for a single clearing."""
    with pytest.raises(type(fates[0])):
        send(*fates, rubbish=rubbish)


@pytest.mark.parametrize(
    ("fates", "results"),
    [
        ([None, FULL], [("waiting", None), ("retry", "overloaded")]),
        ([DOWN, None], [("retry", "store_unavailable"), ("waiting", None)]),
        ([UNKNOWN, FULL], [("retry", "outcome_unknown"), ("retry", "overloaded")]),
        ([ZeroDivisionError(), None], [("retry", "internal"), ("waiting", None)]),
    ],
)
def test_each_item_has_its_own_result_if_anything_may_have_been_recorded(
    fates: list[Exception | None], results: list[tuple[str, str | None]]
) -> None:
    found = send(*fates)
    assert [(each["result"], each["reason"]) for each in found["items"]] == results
    assert all(
        "Send it again" in each["detail"] for each in found["items"] if each["result"] == "retry"
    )


def test_a_batch_of_only_invalid_items_is_not_refused() -> None:
    assert send(rubbish=3)["bad"] == 3
