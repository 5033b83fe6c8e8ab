"""The ratios of a whole installation compare the rows that were measured beside each other."""

from __future__ import annotations

from benchmarks import everything, machine
from benchmarks.cpu import ALL, of_client
from benchmarks.load import Measured
from benchmarks.report import as_markdown, ratios
from benchmarks.rows import Row


def row(
    name: str, value: float, p50_ms: float = 1, p99_ms: float = 1, **settings: int | str
) -> Row:
    return Row(everything.GROUP, name, value, "requests/s", p50_ms, p99_ms, p99_ms, settings)


def test_decisions_are_compared_with_the_plain_app_of_the_same_installation() -> None:
    rows = [
        row(everything.DECISIONS, 9000, connections=32, postgres=everything.DEMO),
        row(everything.PLAIN, 4000, connections=32, postgres=everything.DEFAULTS),
        row(everything.DECISIONS, 6000, connections=32, postgres=everything.DEFAULTS),
    ]
    assert ratios(rows)["decisions at 32 connections ÷ plain FastAPI"] == 1.5


def test_each_tail_belongs_to_its_settings() -> None:
    rows = [
        row(everything.DECISIONS, 1, 2.0, 8.0, connections=32, postgres=everything.DEFAULTS),
        row(everything.DECISIONS, 1, 2.0, 5.0, connections=32, postgres=everything.DEMO),
    ]
    found = ratios(rows)
    assert found["p99 ÷ p50 at 32 connections, PostgreSQL's defaults"] == 4
    assert found["p99 ÷ p50 at 32 connections, the demo's settings"] == 2.5


def test_the_last_run_and_the_last_minute_are_divided_by_the_first() -> None:
    rows = [row(everything.SERIES, 1000 - 50 * run, run=run) for run in range(9)]
    rows += [row(everything.BY_MINUTE, 1000 - 20 * minute, minute=minute) for minute in range(11)]
    found = ratios(rows)
    assert found["last of 8 runs ÷ first, autovacuum off, no workers"] == round(600 / 950, 3)
    assert found["last of 10 minutes ÷ first, everything on"] == round(800 / 980, 3)


def test_a_decision_over_one_connection_is_compared_with_an_insert() -> None:
    rows = [
        row(everything.DECISIONS, 1, 0.8, connections=1),
        row(machine.PGBENCH, 1, 0.25, connections=1),
    ]
    assert ratios(rows) == {"p50 at 1 connection ÷ a pgbench insert": 3.2}


def test_each_cpu_budget_reads_the_row_at_32_connections() -> None:
    processes = [
        *("API", of_client("API"), of_client("projector")),
        *("projector", "publisher", "broker", ALL),
    ]
    rows = [
        row(everything.cpu_of(process), value, connections=connections)
        for connections in (128, 32)
        for value, process in enumerate(processes, connections)
    ]
    assert list(ratios(rows).values()) == [32, 33, 34, 35, 36, 37, 38]


def test_the_rate_of_a_part_of_a_load_is_the_mean_of_its_seconds() -> None:
    measured = Measured(30, 1, 1, 1, 120, 0, by_second=(10, 20, 40, 50))
    assert measured.rate_between(0, 2) == 15
    assert measured.rate_between(2, 4) == 45


def test_conditions_show_numbers_and_names() -> None:
    shown = as_markdown([row("decisions", 1, accounts=1000, broker="a broker")], {"settings": {}})
    assert "| everything: decisions | accounts 1,000, broker a broker |" in shown
