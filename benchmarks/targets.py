"""The targets: ratios between figures of one run, with their bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from benchmarks import (
    accounts,
    backtesting,
    everything,
    history,
    log,
    machine,
    outbox,
    processes,
    rules,
)
from benchmarks.cpu import ALL, of_client
from benchmarks.rows import Row

_REPLAY_PER_SECOND = 60_000
_BACKTEST_PER_SECOND = 50_000
_NOISE = 2
"""A figure that misses its target by more than this factor is broken; noise is smaller."""
_CPU_BUDGETS_US = {
    "API": 85,
    of_client("API"): 35,
    of_client("projector"): 12,
    "projector": 5,
    "publisher": 20,
    "broker": 25,
    ALL: 180,
}
"""The most CPU time for a decision at 32 connections, by process."""


class Figures:
    """The rows of a run by group and name; `groups` collects the groups that were read."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self.groups: set[str] = set()

    def row(self, group: str, name: str, **settings: int | str) -> Row:
        """Return the row with this name and these settings.

        Raises:
            LookupError: The run does not have it.
        """
        self.groups.add(group)
        for row in self._rows:
            if (row.group, row.name) == (group, name) and settings.items() <= row.settings.items():
                return row
        raise LookupError(f"{group}: {name} {settings}")

    def value(self, group: str, name: str, **settings: int | str) -> float:
        """Return the figure of a row."""
        return self.row(group, name, **settings).value

    def p50(self, group: str, name: str, **settings: int | str) -> float:
        """Return the median latency of a row in milliseconds."""
        p50_ms = self.row(group, name, **settings).p50_ms
        assert p50_ms is not None
        return p50_ms


@dataclass(frozen=True)
class Target:
    """A bound for a figure that is computed from rows of a run.

    Attributes:
        bound: The lower bound, or the upper bound.
        at_least: True if `bound` is the lower bound.
        figure: Computes the figure; raises LookupError if the run lacks one of its rows.
        noise: The factor by which the figure may miss the target before the short run fails.
    """

    name: str
    bound: float
    at_least: bool
    figure: Callable[[Figures], float]
    noise: float = _NOISE

    def reached(self, figure: float) -> bool:
        """Return True if the target is met."""
        return figure >= self.bound if self.at_least else figure <= self.bound

    def broken(self, figure: float) -> bool:
        """Return True if the target is missed by more than noise explains."""
        if self.at_least:
            return figure < self.bound / self.noise
        return figure > self.bound * self.noise


def _over_plain(connections: int) -> Callable[[Figures], float]:
    def figure(run: Figures) -> float:
        plain = run.row(everything.GROUP, everything.PLAIN, connections=connections)
        beside = run.value(everything.GROUP, everything.DECISIONS, **plain.settings)
        return beside / plain.value

    return figure


def _tail(postgres: str) -> Callable[[Figures], float]:
    def figure(run: Figures) -> float:
        row = run.row(everything.GROUP, everything.DECISIONS, connections=32, postgres=postgres)
        assert row.p50_ms is not None
        assert row.p99_ms is not None
        return row.p99_ms / row.p50_ms

    return figure


def _alone(run: Figures) -> float:
    decision_ms = run.p50(everything.GROUP, everything.DECISIONS, connections=1)
    return decision_ms / run.p50(everything.GROUP, machine.PGBENCH, connections=1)


def _last_over_first(name: str, setting: str, last: int) -> Callable[[Figures], float]:
    def figure(run: Figures) -> float:
        first = run.value(everything.GROUP, name, **{setting: 1})
        return run.value(everything.GROUP, name, **{setting: last}) / first

    return figure


def _cpu_us(process: str) -> Callable[[Figures], float]:
    return lambda run: run.value(everything.GROUP, everything.cpu_of(process), connections=32)


def _over_thousand(number: int) -> Callable[[Figures], float]:
    def figure(run: Figures) -> float:
        some = run.value(accounts.GROUP, accounts.DECISIONS, accounts=number)
        return some / run.value(accounts.GROUP, accounts.DECISIONS, accounts=1_000)

    return figure


def _ratio(group: str, name: str, baseline: str) -> Callable[[Figures], float]:
    return lambda run: run.value(group, name) / run.value(group, baseline)


def _two_processes(run: Figures) -> float:
    two = run.value(processes.GROUP, processes.DECISIONS, processes=2)
    return two / run.value(processes.GROUP, processes.DECISIONS, processes=1)


def _long_history(run: Figures) -> float:
    warm = (
        run.value(history.GROUP, history.WARM, history=events, accounts=history.COMPARED_ACCOUNTS)
        for events in (100_000, 10)
    )
    long, short = warm
    return long / short


def _replay(run: Figures) -> float:
    """Divide the replay rate by the lower of two bounds, since reaching either is enough."""
    enough = min(_REPLAY_PER_SECOND, 0.7 * run.value(log.GROUP, log.LIBRARY))
    return run.value(log.GROUP, log.REPLAY) / enough


def _backtest(run: Figures) -> float:
    """Divide the backtest's rate by the lower of two bounds; the second scales with the machine.

    The first bound was set on a machine that replays 138,000 events/s with the library.
    """
    enough = min(_BACKTEST_PER_SECOND, 0.36 * run.value(log.GROUP, log.LIBRARY))
    return run.value(backtesting.GROUP, backtesting.TWENTY) / enough


TARGETS: tuple[Target, ...] = (
    Target("decisions at 128 connections ÷ plain FastAPI", 1.5, True, _over_plain(128)),
    Target("decisions at 32 connections ÷ plain FastAPI", 1.1, True, _over_plain(32)),
    Target(
        "p99 ÷ p50 at 32 connections, PostgreSQL's defaults",
        4.0,
        at_least=False,
        figure=_tail(everything.DEFAULTS),
    ),
    Target(
        "p99 ÷ p50 at 32 connections, the demo's settings",
        3.0,
        at_least=False,
        figure=_tail(everything.DEMO),
    ),
    Target(
        "last of 8 runs ÷ first, autovacuum off, no workers",
        0.9,
        at_least=True,
        figure=_last_over_first(everything.SERIES, "run", everything.RUNS),
    ),
    Target(
        "last of 10 minutes ÷ first, everything on",
        0.9,
        at_least=True,
        figure=_last_over_first(everything.BY_MINUTE, "minute", everything.MINUTES),
    ),
    Target(
        "last 5 s of 30 ÷ first 5 s, autovacuum off, everything on",
        0.8,
        at_least=True,
        figure=_ratio(everything.GROUP, everything.LAST_SECONDS, everything.FIRST_SECONDS),
        noise=1,
    ),
    Target("p50 at 1 connection ÷ a pgbench insert", 4.0, at_least=False, figure=_alone),
    *(
        Target(
            f"CPU time of a decision at 32 connections, {process}, us",
            bound_us,
            at_least=False,
            figure=_cpu_us(process),
        )
        for process, bound_us in _CPU_BUDGETS_US.items()
    ),
    Target("1,000,000 accounts ÷ 1,000", 0.85, at_least=True, figure=_over_thousand(1_000_000)),
    Target("one hot account ÷ 1,000 accounts", 0.8, at_least=True, figure=_over_thousand(1)),
    Target("two API processes ÷ one", 1.0, at_least=True, figure=_two_processes),
    Target("100,000 events of history ÷ 10, warm", 0.95, at_least=True, figure=_long_history),
    Target(
        "first decision after 100,000 events, with a snapshot, ms",
        5.0,
        at_least=False,
        figure=lambda run: run.value(history.GROUP, history.COLD_WITH_SNAPSHOT, history=100_000),
    ),
    Target(
        "20 more rules, 5 of them velocity windows ÷ rules that are always on",
        0.85,
        at_least=True,
        figure=_ratio(rules.GROUP, rules.TWENTY, rules.ALWAYS_ON),
    ),
    Target(
        "backtest with 20 more rules ÷ the lower of 50,000/s and 0.36 of the library's rate",
        1.0,
        at_least=True,
        figure=_backtest,
    ),
    Target(
        "consumer ÷ bare psycopg loop",
        0.5,
        at_least=True,
        figure=_ratio("consumers", "consumer, Kafka to commit", "bare psycopg loop, same rows"),
    ),
    Target(
        "publisher ÷ bare produce loop",
        0.5,
        at_least=True,
        figure=_ratio("publisher", "publisher, log to Kafka", "bare produce loop, same headers"),
    ),
    Target(
        "outbox of the bank: messages published from a backlog ÷ payments submitted",
        2.0,
        at_least=True,
        figure=_ratio(outbox.GROUP, outbox.BACKLOG, outbox.SUBMITTED),
    ),
    Target(
        f"outbox of the bank: messages published at {outbox.WANTED_PER_S:,}/s ÷ stored",
        0.98,
        at_least=True,
        figure=lambda run: run.value(outbox.GROUP, outbox.BESIDE) / outbox.WANTED_PER_S,
    ),
    Target(
        "replay ÷ the lower of 60,000 events/s and 0.7 of the library's rate",
        1.0,
        at_least=True,
        figure=_replay,
    ),
    Target(
        "resident memory after a million accounts, MiB",
        400,
        at_least=False,
        figure=lambda run: run.value(accounts.GROUP, accounts.MEMORY),
    ),
)


def measured_targets(rows: Sequence[Row]) -> list[tuple[Target, float]]:
    """Return the targets that this run has rows for, with their figures."""
    run, found = Figures(rows), []
    for target in TARGETS:
        with suppress(LookupError):
            found.append((target, round(target.figure(run), 3)))
    return found


def groups_behind(target: Target, rows: Sequence[Row]) -> set[str]:
    """Return the groups whose rows a target needs."""
    run = Figures(rows)
    target.figure(run)
    return run.groups
