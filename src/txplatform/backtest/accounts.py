"""Replays accounts one after the other, each row held against the one before it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from txplatform.backtest.counterfactual import Counterfactual
from txplatform.backtest.tally import Tally
from txplatform.domain.ids import account_of
from txplatform.domain.rulesets import RuleSet
from txplatform.errors import TxPlatformError

Row = tuple[str, int, str, bytes]
"""Stream, version, topic, state; streams one after the other, versions from 1."""


class DamagedHistoryError(TxPlatformError):
    """An account's history cannot be replayed."""


def replay_accounts(rows: Iterable[Row], candidate: RuleSet, since: datetime, tally: Tally) -> None:
    """Replay all accounts into the tally; one account is in memory at a time.

    Raises:
        DamagedHistoryError: An event cannot be read, or one is missing.
    """
    for stream, of_stream in groupby(rows, itemgetter(0)):
        tally.accounts += 1
        counterfactual = Counterfactual(account_of(stream), candidate, since, tally)
        apply, last = counterfactual.apply, 0
        for _, version, topic, state in of_stream:
            if version != last + 1:
                raise _damaged(stream, version, f"It follows version {last}")
            last = version
            try:
                apply(version, topic, state)
            except TxPlatformError as error:
                raise _damaged(stream, version, error.why or error.what) from error
            except (ValueError, TypeError, LookupError, AttributeError) as error:
                raise _damaged(stream, version, f"It cannot be read: {error!r}") from error
        tally.events += last


def _damaged(stream: str, version: int, why: str) -> DamagedHistoryError:
    return DamagedHistoryError(
        f"Account {account_of(stream)}, version {version}, cannot be replayed.",
        why=why.removesuffix(".") + ".",
        next_step="`txplatform verify` finds all such events; restore the log from a backup.",
    )
