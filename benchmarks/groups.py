"""The groups of measurements that `--only` can name, for the whole and the short run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks import (
    accounts,
    backtesting,
    consuming,
    decisions,
    everything,
    history,
    log,
    machine,
    outbox,
    processes,
    publishing,
    reads,
    rules,
    standby,
)
from benchmarks.rows import Row
from benchmarks.stand import Effort

CONSUMERS, PUBLISHER = "consumers", "publisher"
Groups = Mapping[str, Callable[[], list[Row]]]

_SHORT = Effort(seconds=1.0, rounds=2)


def all_groups(effort: Effort) -> Groups:
    """Return the groups of a whole run."""
    return {
        machine.GROUP: lambda: machine.measure(effort),
        everything.GROUP: lambda: everything.measure(effort),
        decisions.GROUP: lambda: decisions.measure(effort),
        accounts.GROUP: lambda: accounts.measure(effort),
        history.GROUP: lambda: history.measure(effort),
        processes.GROUP: lambda: processes.measure(effort),
        reads.GROUP: lambda: reads.measure(effort),
        rules.GROUP: lambda: rules.measure(effort),
        CONSUMERS: lambda: consuming.measure(effort.seconds),
        PUBLISHER: lambda: publishing.measure(effort.seconds),
        outbox.GROUP: lambda: outbox.measure(effort),
        standby.GROUP: lambda: standby.measure(effort),
        log.GROUP: lambda: log.measure(effort),
        backtesting.GROUP: lambda: backtesting.measure(effort),
    }


def short_groups() -> Groups:
    """Return the groups of a short run, which reveal a defect that makes a main path slow."""
    return {
        everything.GROUP: everything.measure_short,
        accounts.GROUP: lambda: accounts.measure(_SHORT, accounts=(1, 1_000)),
        processes.GROUP: lambda: processes.measure(_SHORT),
        rules.GROUP: lambda: rules.measure(_SHORT),
        CONSUMERS: lambda: consuming.measure(_SHORT.seconds),
        PUBLISHER: lambda: publishing.measure(_SHORT.seconds),
        log.GROUP: lambda: log.measure(_SHORT, accounts=100, whole=False),
        backtesting.GROUP: lambda: backtesting.measure(_SHORT, accounts=1_000),
    }
