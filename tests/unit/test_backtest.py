"""A backtest: nothing changes under the rules that decided; under others, what follows follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backtests import ACTIVE, backtested, histories
from hypothesis import given, settings
from hypothesis import strategies as st

from txplatform.backtest.recorded import APPROVED, DECLINED

if TYPE_CHECKING:
    from accounts import Stream

    from txplatform.backtest.tally import Tally


def changes(tally: Tally) -> int:
    """How much is not as recorded, of whatever kind."""
    of_lines = sum(sum(line[4:]) for line in tally.lines.values())
    return of_lines + tally.other_reasons + sum(map(len, tally.largest.values()))


@settings(max_examples=300, deadline=None)
@given(histories(), st.data())
def test_the_active_rule_set_changes_nothing_in_its_own_history(
    stream: Stream, data: st.DataObject
) -> None:
    """Not from the beginning and not from any day on, whatever became of the purchases."""
    assert changes(backtested(stream, ACTIVE)) == 0
    since = data.draw(st.sampled_from([event.timestamp for event in stream.events]))
    tally = backtested(stream, ACTIVE, since)
    assert changes(tally) == 0
    decided = [event.timestamp for event in stream.events if event.TOPIC in (APPROVED, DECLINED)]
    assert tally.judged == sum(at >= since for at in decided)
    assert tally.recorded == sum(at < since for at in decided)
