"""`make bench`: measure everything in one run and print one table.

Every figure comes from the same run on the same machine, with full durability (fsync and
synchronous_commit on) in PostgreSQL servers started for the benchmark. The load generator shares
the cores. So compare figures within one run, not between machines.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from benchmarks.groups import Groups, all_groups, short_groups
from benchmarks.guard import explain, settle
from benchmarks.machine import describe_machine
from benchmarks.report import as_json, as_markdown, ratios, ratios_as_markdown, to_json
from benchmarks.rows import Row
from benchmarks.stand import POSTGRES_SETTINGS, Effort

_SHORT_JSON = Path(".cache", "benchmark-ratios.json")


def main(
    words: Sequence[str] | None = None, short_groups: Callable[[], Groups] = short_groups
) -> int:
    """Measure, print the figures, and return the exit code.

    Args:
        words: The command-line arguments; None for those of this process.
        short_groups: Returns the groups that `--short` measures.
    """
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument(
        "--seconds",
        type=float,
        default=3,
        help="duration of a load (3); the main loads of `everything` take 20 times as long",
    )
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of each load (3)")
    parser.add_argument("--only", action="append", help="measure only this group; repeatable")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument(
        "--short",
        action="store_true",
        help="measure some ratios only, in three minutes; fail if one misses its target by far",
    )
    arguments = parser.parse_args(words)
    groups = (
        short_groups()
        if arguments.short
        else all_groups(Effort(arguments.seconds, arguments.rounds))
    )
    unknown = set(arguments.only or ()) - groups.keys()
    if unknown:
        parser.error(f"unknown group: {', '.join(sorted(unknown))}; known: {', '.join(groups)}")
    if arguments.only:
        groups = {name: groups[name] for name in groups if name in arguments.only}
    rows, failed = _measure(groups)
    if arguments.short:
        broken = _check(rows, groups, arguments.json or _SHORT_JSON)
    else:
        broken = False
        _show(rows, arguments.json)
    if failed:
        print(f"not measured: {', '.join(failed)}")
    return 1 if broken or failed else 0


def _show(rows: list[Row], json: Path | None) -> None:
    about = {
        **describe_machine(),
        "txplatform": version("txplatform"),
        "measured": datetime.now(UTC).isoformat(timespec="minutes"),
        "settings": POSTGRES_SETTINGS,
    }
    print(as_markdown(rows, about))
    if json:
        json.write_text(as_json(rows, about))


def _check(rows: list[Row], groups: Groups, json: Path) -> bool:
    rows, broken = settle(rows, groups)
    print(ratios_as_markdown(rows))
    json.parent.mkdir(parents=True, exist_ok=True)
    json.write_text(to_json(ratios(rows)))
    for target, figure in broken:
        print(explain(target, figure))
    return bool(broken)


def _measure(groups: Groups) -> tuple[list[Row], list[str]]:
    rows: list[Row] = []
    failed = []
    for name, measure in groups.items():
        print(f"measuring {name} …", end="", file=sys.stderr, flush=True)
        started = perf_counter()
        try:
            rows += measure()
        except Exception:  # noqa: BLE001  # the error is printed, and the run fails
            traceback.print_exc()
            failed.append(name)
        print(f" {perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    return rows, failed
