"""The assignment of accounts to lanes."""

from __future__ import annotations

from txplatform.decisions.decider import lane_of


def test_an_account_has_the_same_lane_in_every_process() -> None:
    """The lane depends only on the stream's name, and accounts are spread over all lanes."""
    lanes = [lane_of(f"account-acc-{number}", 4) for number in range(8)]
    assert lanes == [0, 2, 0, 2, 1, 3, 1, 3]
