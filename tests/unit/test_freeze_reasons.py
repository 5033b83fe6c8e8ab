"""The response code of a decline by a frozen account follows the reason of the freeze."""

from __future__ import annotations

from itertools import product

import pytest

from harness.commands import ACCOUNT, operator_status, purchase, team_status
from harness.streams import Stream, opened_stream
from txplatform.domain.commands.outcome import Outcome
from txplatform.domain.events import AuthorizationDeclined
from txplatform.domain.status import FreezeReason

CODES = {"stolen": "43", "lost": "41", "suspected_fraud": "59", None: "62"}
REASONS = (*FreezeReason, None)


def declined_with(stream: Stream) -> str:
    """Return the response code of a declined purchase."""
    outcome = stream.ask(purchase(ACCOUNT, f"t{len(stream.events)}", 1))
    assert isinstance(outcome, Outcome)
    assert isinstance(outcome.event, AuthorizationDeclined)
    assert outcome.event.reasons[0].response_code == outcome.event.response_code
    return outcome.event.response_code


@pytest.mark.parametrize("reason", REASONS)
def test_a_freeze_declines_with_the_code_of_its_reason(reason: FreezeReason | None) -> None:
    for freeze in (
        operator_status(ACCOUNT, "s", "frozen", reason),
        team_status(ACCOUNT, 1, "frozen", reason_code=reason),
    ):
        stream = opened_stream()
        stream.ask(freeze)
        assert declined_with(stream) == CODES[reason]


def test_a_freeze_with_another_reason_code_keeps_it_and_declines_with_62() -> None:
    stream = opened_stream()
    frozen = stream.ask(team_status(ACCOUNT, 1, "frozen", reason_code="deceased"))
    assert isinstance(frozen, Outcome)
    assert "deceased" in frozen.event.summary("USD")
    assert declined_with(stream) == "62"
    stream.ask(operator_status(ACCOUNT, "s", "frozen", FreezeReason.LOST))
    assert declined_with(stream) == "41"


@pytest.mark.parametrize(("operator", "team"), [*product(REASONS, REASONS)])
def test_of_two_freezes_the_more_important_reason_is_told(
    operator: FreezeReason | None, team: FreezeReason | None
) -> None:
    """The two are kept apart: when one of them ends, the other one's reason is told."""
    stream = opened_stream()
    stream.ask(operator_status(ACCOUNT, "s1", "frozen", operator))
    stream.ask(team_status(ACCOUNT, 1, "frozen", reason_code=team))
    assert declined_with(stream) == CODES[min(operator, team, key=REASONS.index)]
    # The reason of a status that is no freeze does not matter.
    stream.ask(operator_status(ACCOUNT, "s2", "active", FreezeReason.STOLEN))
    assert declined_with(stream) == CODES[team]
    stream.ask(operator_status(ACCOUNT, "s3", "frozen", operator))
    stream.ask(team_status(ACCOUNT, 2, "active", reason_code=FreezeReason.STOLEN))
    assert declined_with(stream) == CODES[operator]


def test_a_closed_account_declines_as_closed_whatever_it_was_frozen_for() -> None:
    stream = opened_stream()
    stream.ask(operator_status(ACCOUNT, "s", "frozen", FreezeReason.STOLEN))
    stream.ask(team_status(ACCOUNT, 1, "closed", reason_code=FreezeReason.LOST))
    outcome = stream.ask(purchase(ACCOUNT, "t", 1))
    assert isinstance(outcome, Outcome)
    assert isinstance(outcome.event, AuthorizationDeclined)
    assert outcome.event.reasons[0].code == "account_closed"
    assert outcome.event.response_code == outcome.event.reasons[0].code.response_code
