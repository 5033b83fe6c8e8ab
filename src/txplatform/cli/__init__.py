"""The `txplatform` command: one module a subcommand, listed here.

A subcommand's module has `configure(parser)` and `run(arguments) -> exit code`. It is
imported only when it is used. Data goes to stdout, progress to stderr; exit codes are
0 done, 1 failed, 2 wrong use.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

import psycopg

from txplatform.errors import TxPlatformError

COMMANDS = {
    "demo": "try everything on this machine, without Docker or configuration",
    "migrate": "bring the database's schema to this version",
    "api": "answer HTTP requests",
    "consume": "apply messages from Kafka",
    "publish": "publish decisions and dead letters to Kafka",
    "project": "keep the read models up to date, and end holds that are due",
    "worker": "consume, publish and project in one process",
    "doctor": "check database, broker, topics, clock and lag, and say what to do",
    "keys": "create, list and revoke API keys",
    "accounts": "list accounts and their balances",
    "inbound": "list, show, retry and discard parked messages",
    "events": "print an account's history with the state after each event",
    "verify": "replay every account and compare with everything derived from it",
    "rebuild": "make read models and snapshots again from the log",
    "rulesets": "check, compare, add, activate and shadow rule sets",
    "backtest": "try a rule set on the past and say what would have been different",
    "simulate": "send a year of real purchases and made-up payments",
}

_MODULES = dict.fromkeys(("consume", "publish", "project"), "worker")
"""Commands that share another one's module; every other module is named like its command."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; gives the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="txplatform", description="Event-sourced card transaction processing."
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = next((word for word in words if not word.startswith("-")), None)
    module = None
    for name, summary in COMMANDS.items():
        # Not capitalize(), which would take the capitals of "API" and "Kafka" away.
        sentence = f"{summary[0].upper()}{summary[1:]}."
        subparser = subparsers.add_parser(name, help=summary, description=sentence)
        if name == chosen:
            module = importlib.import_module(f"txplatform.cli.{_MODULES.get(name, name)}")
            module.configure(subparser)
    arguments = parser.parse_args(words)
    assert module is not None  # argparse has refused anything else
    try:
        return int(module.run(arguments))
    except TxPlatformError as error:
        print(f"txplatform {arguments.command}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except psycopg.OperationalError as error:
        print(  # noqa: T201
            f"txplatform {arguments.command}: The database cannot be used: {error}. "
            "Check TXPLATFORM_DATABASE_URL and that the server is up; "
            "`txplatform doctor` says more.",
            file=sys.stderr,
        )
        return 1
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction):
        print(  # noqa: T201
            f"txplatform {arguments.command}: The database's schema is not this version's. "
            "Run `txplatform migrate`.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        return 1
    except BrokenPipeError:
        # Whoever read our output has seen enough; keep Python from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
