"""`txplatform verify`: replay every account, and compare all derived data with the replay."""

import argparse
import json
import sys
from dataclasses import asdict
from datetime import datetime

from txplatform.audit.verify import Verification, verify
from txplatform.cli.progress import progress
from txplatform.contracts.encoding import rfc3339
from txplatform.database_clock import simulated_clock_text, simulated_time
from txplatform.eventstore.consistent_read import count_events
from txplatform.pluralize import pluralize
from txplatform.settings import load_settings


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Verify and print the result; return 1 if there are differences."""
    database = load_settings().service_database
    with database.connect() as connection:
        events = count_events(connection)
        simulated = simulated_time(connection)
    with progress("verify", events) as advance:
        result = verify(database, advance)
    if arguments.json:
        sys.stdout.write(json.dumps(_as_json(result, simulated), default=str) + "\n")
    else:
        sys.stdout.write(_for_people(result, simulated))
    return 0 if result.passed else 1


def _as_json(result: Verification, simulated: datetime | None) -> dict[str, object]:
    return {
        "passed": result.passed,
        "log_position": result.log_position,
        "accounts": result.accounts,
        "events": result.events,
        "compared": result.compared,
        "simulated_clock": None if simulated is None else rfc3339(simulated),
        "seconds": round(result.seconds, 3),
        "differences": result.differences.count,
        "first_differences": [asdict(each) for each in result.differences.kept],
    }


def _for_people(result: Verification, simulated: datetime | None) -> str:
    seconds = max(result.seconds, 0.001)
    rates = f"{result.accounts / seconds:.0f} accounts/s, {result.events / seconds:.0f} events/s"
    compared = ", ".join(f"{count} {name}" for name, count in result.compared.items())
    replayed = f"{pluralize(result.accounts, 'account')}, {pluralize(result.events, 'event')}"
    lines = [
        f"replayed {replayed} in {seconds:.1f} s ({rates})",
        f"compared {compared}, up to log position {result.log_position}",
    ]
    if result.passed:
        lines.append("all derived data matches the log")
    else:
        kept = result.differences.kept
        lines.append(f"{pluralize(result.differences.count, 'difference')}; the first {len(kept)}:")
        lines += [f"  {each}" for each in kept]
    if simulated is not None:
        lines.append(simulated_clock_text(simulated))
    return "\n".join(lines) + "\n"
