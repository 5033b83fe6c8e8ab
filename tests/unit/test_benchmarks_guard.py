"""The short benchmark fails if a ratio misses its target by far in two measurements."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks import accounts, everything
from benchmarks import command as benchmark
from benchmarks.guard import settle
from benchmarks.rows import Row
from benchmarks.targets import TARGETS, Target, measured_targets

RATE = 4000.0
OVER_PLAIN = "decisions at 32 connections ÷ plain FastAPI"
HOT_ACCOUNT = "one hot account ÷ 1,000 accounts"
LASTING = "last 5 s of 30 ÷ first 5 s, autovacuum off, everything on"


def short_rows(factor: float, *, lasting: float = 1.0) -> list[Row]:
    """Return rows at this factor of the ratio's target, and with this ratio of last to first."""
    settings = {"connections": 32}
    return [
        Row(everything.GROUP, name, value, "requests/s", settings=settings)
        for name, value in (
            (everything.PLAIN, RATE),
            (everything.DECISIONS, factor * 1.1 * RATE),
            (everything.FIRST_SECONDS, RATE),
            (everything.LAST_SECONDS, lasting * RATE),
        )
    ]


def account_rows(factor: float) -> list[Row]:
    """Return rows with one hot account at this factor of its target."""
    return [
        Row(accounts.GROUP, accounts.DECISIONS, value, "requests/s", settings={"accounts": number})
        for number, value in ((1, factor * 0.8 * RATE), (1_000, RATE))
    ]


def in_turn(*measurements: list[Row]) -> Callable[[], list[Row]]:
    """Return a benchmark group that returns these lists of rows, one for each call."""
    left = iter(measurements)
    return lambda: next(left)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_figure_that_misses_by_more_than_noise_is_broken(target: Target) -> None:

    def at(factor: float) -> float:
        return target.bound * factor if target.at_least else target.bound / factor

    assert target.broken(at(0.98 / target.noise))
    assert not target.broken(at(1.02 / target.noise))
    assert not target.reached(at(0.98))
    assert target.reached(at(1))


def test_a_rate_that_does_not_last_may_not_miss_its_target_at_all() -> None:
    (noise,) = (target.noise for target in TARGETS if target.name == LASTING)
    assert noise == 1
    assert {target.noise for target in TARGETS if target.name != LASTING} == {2}


@pytest.mark.parametrize(("lasting", "again", "status"), [(0.79, 0.79, 1), (0.79, 0.81, 0)])
def test_the_short_run_fails_if_the_rate_does_not_last_in_two_measurements(
    lasting: float, again: float, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = in_turn(short_rows(1.0, lasting=lasting), short_rows(1.0, lasting=again))
    words = ["--short", "--json", str(tmp_path / "ratios.json")]
    assert benchmark.main(words, lambda: {everything.GROUP: measured}) == status
    assert (f"broken: {LASTING} is {again}" in capsys.readouterr().out) == (status == 1)


@pytest.mark.parametrize(("factor", "status"), [(0.49, 1), (0.6, 0), (1.2, 0)])
def test_the_short_run_fails_below_half_of_a_target_and_names_it(
    factor: float,
    status: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The run prints and writes ratios but no times, because times differ between machines."""
    groups = {
        everything.GROUP: lambda: short_rows(factor),
        accounts.GROUP: lambda: account_rows(factor),
    }
    written = tmp_path / "ratios.json"
    words = ["--short", "--json", str(written)]
    assert benchmark.main(words, lambda: groups) == status
    assert set(json.loads(written.read_text())) == {OVER_PLAIN, HOT_ACCOUNT, LASTING}
    printed = capsys.readouterr().out
    for name in (OVER_PLAIN, HOT_ACCOUNT):
        assert f"| {name} |" in printed
        assert (f"broken: {name} is" in printed) == (status == 1)
    assert " ms" not in printed


def test_only_the_group_of_a_broken_ratio_is_measured_again() -> None:
    rows = [*short_rows(1.0), *account_rows(0.3)]
    groups = {everything.GROUP: in_turn(), accounts.GROUP: in_turn(account_rows(1.1))}
    settled, broken = settle(rows, groups)
    assert broken == []
    assert settled == [*short_rows(1.0), *account_rows(1.1)]


def test_a_ratio_that_is_broken_twice_is_reported_with_its_second_figure() -> None:
    _, broken = settle(account_rows(0.3), {accounts.GROUP: in_turn(account_rows(0.4))})
    assert [(target.name, figure) for target, figure in broken] == [
        ("one hot account ÷ 1,000 accounts", 0.32)
    ]


def test_ratios_whose_rows_were_not_measured_are_left_out() -> None:
    assert [target.name for target, _ in measured_targets(account_rows(1.0))] == [
        "one hot account ÷ 1,000 accounts"
    ]


def test_a_group_that_raises_fails_the_run_and_the_others_are_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> list[Row]:
        raise RuntimeError("no broker")

    groups = {"consumers": fail, accounts.GROUP: lambda: account_rows(1.0)}
    written = tmp_path / "ratios.json"
    words = ["--short", "--json", str(written)]
    assert benchmark.main(words, lambda: groups) == 1
    assert json.loads(written.read_text()) == {"one hot account ÷ 1,000 accounts": 0.8}
    printed = capsys.readouterr()
    assert "not measured: consumers" in printed.out
    assert "no broker" in printed.err
