"""`make bench`: one run, one table.

Every figure comes from this run on this machine, with full durability (fsync and
synchronous_commit on) in PostgreSQLs of the benchmark's own, and the load on the same cores:
what counts is how the figures relate.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks import (
    accounts,
    consuming,
    decisions,
    history,
    log,
    machine,
    processes,
    publishing,
    reads,
)
from benchmarks.report import as_json, as_markdown
from benchmarks.rows import Row
from benchmarks.stand import POSTGRES_SETTINGS, Effort, Stand
from benchmarks.targets import measured_targets

_SHORT = Effort(seconds=1.5, rounds=2)
_SHORT_KAFKA_S = 2.0


def _in_folder(
    measure: Callable[[Path, float], list[Row]], seconds: float
) -> Callable[[], list[Row]]:
    def run() -> list[Row]:
        with tempfile.TemporaryDirectory(prefix="txplatform-bench-") as folder:
            Path(folder).chmod(0o755)
            return measure(Path(folder), seconds)

    return run


def _groups(effort: Effort) -> dict[str, Callable[[], list[Row]]]:
    return {
        machine.GROUP: lambda: machine.measure(effort),
        decisions.GROUP: lambda: decisions.measure(effort),
        accounts.GROUP: lambda: accounts.measure(effort),
        history.GROUP: lambda: history.measure(effort),
        processes.GROUP: lambda: processes.measure(effort),
        reads.GROUP: lambda: reads.measure(effort),
        "consumers": _in_folder(consuming.measure, effort.seconds),
        "publisher": _in_folder(publishing.measure, effort.seconds),
        log.GROUP: lambda: log.measure(effort),
    }


def _short_groups() -> dict[str, Callable[[], list[Row]]]:
    """What a broken batch, cache, publisher or consumer would show in, in about a minute."""
    return {
        machine.GROUP: lambda: machine.measure(_SHORT, clients=(1,)),
        decisions.GROUP: lambda: decisions.measure(_SHORT, connections=(1, 32, 128)),
        accounts.GROUP: lambda: accounts.measure(_SHORT, accounts=(1, 1_000)),
        processes.GROUP: lambda: processes.measure(_SHORT),
        "consumers": _in_folder(consuming.measure, _SHORT_KAFKA_S),
        "publisher": _in_folder(publishing.measure, _SHORT_KAFKA_S),
        log.GROUP: lambda: log.measure(_SHORT),
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4, help="of each load (default 4)")
    parser.add_argument("--rounds", type=int, default=3, help="of each load (default 3)")
    parser.add_argument("--only", action="append", help="this group of rows; may be repeated")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument(
        "--short",
        action="store_true",
        help="about a minute; fails where a ratio misses its target by more than half",
    )
    arguments = parser.parse_args()
    groups = (
        _short_groups() if arguments.short else _groups(Effort(arguments.seconds, arguments.rounds))
    )
    unknown = set(arguments.only or ()) - groups.keys()
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}; there are {', '.join(groups)}")
    started = datetime.now(UTC)
    rows: list[Row] = []
    for name, measure in groups.items():
        if not arguments.only or name in arguments.only:
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            rows += measure()
    about = {
        **machine.describe_machine(),
        "python": platform.python_version(),
        "postgres": _postgres_version(),
        "txplatform": version("txplatform"),
        "measured": started.isoformat(timespec="minutes"),
        "settings": POSTGRES_SETTINGS,
    }
    print(as_markdown(rows, about))
    if arguments.json:
        arguments.json.write_text(as_json(rows, about))
    broken = [
        (target, figure) for target, figure in measured_targets(rows) if target.broken(figure)
    ]
    if arguments.short and broken:
        for target, figure in broken:
            print(f"broken: {target.name} is {figure:.3g}, its target {target.bound:g}")
        return 1
    return 0


def _postgres_version() -> str:
    with Stand() as stand:
        return stand.server_version()


if __name__ == "__main__":
    sys.exit(main())
