"""Measure decisions as an operator would: a new installation, with everything on.

The API, consumer, publisher and projector are processes of the installed command, beside an Apache
Kafka broker. Nothing prepares the database. The yardstick is a plain FastAPI app; half of its time
comes before the decisions, and half after.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.cpu import cpu_of_decisions
from benchmarks.installation import ACCOUNTS, Installation, everything_on, open_accounts
from benchmarks.load import Load, Measured, run_load
from benchmarks.machine import PGBENCH, durable_inserts
from benchmarks.rows import Row
from benchmarks.stand import Effort, Stand, middle
from benchmarks.wrk import is_installed, run_wrk
from txplatform.demo.postgres import SERVER_SETTINGS

GROUP = "everything"
DECISIONS, PLAIN = "decisions", "plain FastAPI"
BY_MINUTE = "decisions, minute by minute"
SERIES = "decisions, one run after another, without workers"
FIRST_SECONDS, LAST_SECONDS = "decisions, first 5 s of 30", "decisions, last 5 s of 30"
DEFAULTS, DEMO, NO_AUTOVACUUM = "defaults", "as in the demo", "defaults without autovacuum"
CONNECTIONS = (32, 128)
MINUTES, RUNS = 10, 8
_FEW = 32
"""The number of connections of most parts."""
_AUTOVACUUM_OFF = {"autovacuum": "off"}
_MINUTE, _RUN = 20, 2
"""Multiply the seconds of a load, which are 3 by default."""
_SHORT_S, _EDGE_S, _SHORT_WARM_UP_S = 30, 5, 10


def cpu_of(process: str) -> str:
    """Return the name of the row with a process's CPU time for a decision."""
    return f"CPU time of a decision, {process}"


def measure(effort: Effort) -> list[Row]:
    """Measure each part on a new installation."""
    minute_s = _MINUTE * effort.seconds
    with everything_on(DEFAULTS, {}, warm_up_s=minute_s) as place:
        rows = [row for number in CONNECTIONS for row in _beside_plain(place, number, minute_s)]
        for number in CONNECTIONS if is_installed() else ():
            rows += _beside_plain(place, number, minute_s, run_wrk, ", by wrk")
        rows += _alone(place, effort)
    with everything_on(DEMO, SERVER_SETTINGS, warm_up_s=minute_s) as place:
        decided = place.load(place.api, _FEW, minute_s)
        rows.append(middle(GROUP, DECISIONS, [decided], **place.conditions(_FEW)))
    with everything_on(DEFAULTS, {}, warm_up_s=minute_s) as place:
        rows += _by_minute(place, minute_s)
    return [*rows, *_series(_RUN * effort.seconds)]


def measure_short() -> list[Row]:
    """Measure whether the rate lasts for half a minute, and the ratio to the plain FastAPI app."""
    with everything_on(NO_AUTOVACUUM, _AUTOVACUUM_OFF, warm_up_s=_SHORT_WARM_UP_S) as place:
        plain = [place.load(place.plain, _FEW, _EDGE_S)]
        decided = place.load(place.api, _FEW, _SHORT_S)
        place.catch_up()
        plain.append(place.load(place.plain, _FEW, _EDGE_S))
    conditions = place.conditions(_FEW)
    return [
        middle(GROUP, PLAIN, plain, **conditions),
        middle(GROUP, DECISIONS, [decided], **conditions),
        _rate(FIRST_SECONDS, decided.rate_between(0, _EDGE_S), **conditions),
        _rate(LAST_SECONDS, decided.rate_between(_SHORT_S - _EDGE_S, _SHORT_S), **conditions),
    ]


def _beside_plain(
    place: Installation,
    connections: int,
    seconds: float,
    generator: Callable[[Load], Measured] = run_load,
    suffix: str = "",
) -> list[Row]:
    """Measure the plain FastAPI app, the decisions with their CPU time, and the plain app again."""

    def plain() -> Measured:
        return place.load(place.plain, connections, seconds / 2, generator)

    before = plain()
    decided, cpu_us = cpu_of_decisions(
        place, lambda: place.load(place.api, connections, seconds, generator)
    )
    conditions = place.conditions(connections)
    rows = [
        middle(GROUP, PLAIN + suffix, [before, plain()], **conditions),
        middle(GROUP, DECISIONS + suffix, [decided], **conditions),
    ]
    if not suffix:
        for name, each_us in cpu_us.items():
            rows.append(Row(GROUP, cpu_of(name), round(each_us, 1), "us", settings=conditions))
    return rows


def _alone(place: Installation, effort: Effort) -> list[Row]:
    """Alternate between single inserts by pgbench and decisions over one connection."""
    inserts, decisions = [], []
    for _ in range(effort.rounds):
        inserts.append(durable_inserts(place.stand.urls.owner, 1, effort.seconds))
        decisions.append(place.load(place.api, 1, effort.seconds))
        place.catch_up()
    conditions = place.conditions(1)
    return [
        middle(GROUP, PGBENCH, inserts, "transactions/s", **conditions),
        middle(GROUP, DECISIONS, decisions, **conditions),
    ]


def _by_minute(place: Installation, minute_s: float) -> list[Row]:
    """Measure the rate of each minute of one load; a minute is shorter if the loads are."""
    seconds = max(1, round(minute_s))
    decided = place.load(place.api, _FEW, MINUTES * seconds)
    return [
        _rate(
            BY_MINUTE,
            decided.rate_between(number * seconds, (number + 1) * seconds),
            minute=number + 1,
            **place.conditions(_FEW),
        )
        for number in range(MINUTES)
    ]


def _series(seconds: float) -> list[Row]:
    """Measure runs on a new database without autovacuum; only the API runs beside PostgreSQL."""
    with Stand(_AUTOVACUUM_OFF) as stand, stand.api() as api:
        open_accounts(stand, api)
        runs = [
            stand.load(api, connections=_FEW, accounts=ACCOUNTS, seconds=seconds)
            for _ in range(RUNS)
        ]
    return [
        middle(GROUP, SERIES, [run], connections=_FEW, run=number, postgres=NO_AUTOVACUUM)
        for number, run in enumerate(runs, 1)
    ]


def _rate(name: str, value: float, **settings: int | str) -> Row:
    return Row(GROUP, name, round(value, 1), "requests/s", settings=settings)
