"""The `txplatform` command. Each subcommand is a module of its own, listed here.

A subcommand's module has `configure(parser)`, which adds its options, and `run(arguments)`, which
returns the exit code. The module is imported only if it is used. Data is written to stdout,
progress and errors to stderr. The exit code is 0 for success, 1 for failure and 2 for wrong usage.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

import psycopg

from txplatform.errors import TxPlatformError

COMMANDS = {
    "demo": "run the platform and a small bank on this machine, without Docker or configuration",
    "migrate": "update the database schema to this version",
    "topics": "create the Kafka topics",
    "api": "serve the HTTP API",
    "consume": "apply messages from Kafka",
    "publish": "publish decisions and dead letters to Kafka",
    "project": "update the read models and expire holds",
    "worker": "consume, publish and project in one process",
    "doctor": "check database, broker, topics, clock and lag, and advise what to do",
    "keys": "create, list and revoke API keys",
    "accounts": "list accounts and their balances",
    "inbound": "list, show, retry and discard parked messages",
    "import": "send payments, returns or settlement items from a bank's or network's file",
    "events": "print an account's events with the state after each event",
    "verify": "replay every account and compare the result with all derived data",
    "rebuild": "rebuild read models and snapshots from the log",
    "rulesets": "check, compare, add, activate and shadow rule sets",
    "backtest": "apply a rule set to past decisions and report the differences",
    "contracts": "check messages of the inbound and outbound topics against their schemas",
    "simulate": "send a year of real purchases and invented payments",
}

_MODULES = {
    **dict.fromkeys(("api", "consume", "publish", "project", "worker"), "services"),
    "import": "import_",
}
"""Commands without a module of the same name."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="txplatform", description="Event-sourced card transaction processing."
    )
    parser.add_argument(
        "--version", action="version", version=f"txplatform {version('txplatform')}"
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = next((word for word in words if not word.startswith("-")), None)
    module = None
    for name, summary in COMMANDS.items():
        # capitalize() would change "API" and "Kafka" to lower case.
        sentence = f"{summary[0].upper()}{summary[1:]}."
        subparser = subparsers.add_parser(name, help=summary, description=sentence)
        if name == chosen:
            module = importlib.import_module(f"txplatform.cli.{_MODULES.get(name, name)}")
            module.configure(subparser)
    arguments = parser.parse_args(words)
    assert module is not None  # argparse rejects unknown commands
    try:
        return int(module.run(arguments))
    except TxPlatformError as error:
        problem = str(error)
    except psycopg.OperationalError as error:
        problem = (
            f"The database cannot be used: {error}. Check TXPLATFORM_DATABASE_URL and that the "
            "server is running; `txplatform doctor` shows details."
        )
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction):
        problem = "The database schema does not match this version. Run `txplatform migrate`."
    except psycopg.errors.InsufficientPrivilege as error:
        problem = (
            f"The database role may not do this: {error.diag.message_primary}. `txplatform "
            "migrate` gives the service's role its rights; the owner has to be able to create "
            "tables."
        )
    except KeyboardInterrupt:
        return 1
    except BrokenPipeError:
        # The reader closed the pipe. Without this, Python would report an error at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    print(f"txplatform {arguments.command}: {problem}", file=sys.stderr)  # noqa: T201
    return 1
