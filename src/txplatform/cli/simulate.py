"""`txplatform simulate`: send the platform a year of real purchases and invented payments."""

import argparse
import asyncio
import sys

from txplatform.kafka import ReportedCauses, client_config
from txplatform.settings import load_kafka_settings
from txplatform.simulation.plan import plan
from txplatform.simulation.runner import Simulator


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--api-url", default="http://127.0.0.1:8000", help="URL of the API (default: %(default)s)"
    )
    parser.add_argument(
        "--api-key", required=True, help="API key with the scope transactions:write"
    )
    parser.add_argument("--year", type=int, default=1, help="run number; each run uses new ids")
    parser.add_argument(
        "--speed",
        type=float,
        default=2.0,
        metavar="DAYS",
        help="simulated days per second, 0 for as fast as possible (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Send the year, and print the counts every second."""
    causes = ReportedCauses()
    simulator = Simulator(
        api_url=arguments.api_url,
        api_key=arguments.api_key,
        kafka=client_config(load_kafka_settings(), causes),
        explain=causes.explain,
        days_per_s=arguments.speed,
    )
    asyncio.run(_send(simulator, arguments.year))
    return 0


async def _send(simulator: Simulator, year: int) -> None:
    async def report() -> None:
        while True:
            await asyncio.sleep(1)
            _print_counts(simulator)

    reporting = asyncio.create_task(report())
    await simulator.run(plan(year))
    reporting.cancel()
    _print_counts(simulator)


def _print_counts(simulator: Simulator) -> None:
    sent = simulator.sent
    decisions = ", ".join(f"{name} {count}" for name, count in sorted(sent.decisions.items()))
    sys.stderr.write(f"{sent.day}  {decisions}; {sent.messages.total()} messages\n")
