"""The `txplatform` command. Each subcommand is a module of its own, listed here.

A subcommand's module has `configure(parser)`, which adds its options, and `run(arguments)`, which
returns the exit code. The module is imported only if it is used. Data is written to stdout,
progress and errors to stderr. The exit code is 0 for success, 1 for failure and 2 for wrong usage.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import version

import psycopg
from psycopg import errors

from txplatform.cli.streams import give_up, prepare_streams
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
    prepare_streams()
    try:
        try:
            code = _run(words)
        finally:
            if not isinstance(sys.exception(), Exception):
                sys.stdout.flush()  # also if argparse has printed help
    except KeyboardInterrupt:
        problem: str | None = "Interrupted."
    except BrokenPipeError:
        give_up("")
        return 0
    except Exception as error:
        problem = _explained(error)
        if problem is None:
            raise
    else:
        return code
    give_up(f"{' '.join(['txplatform', *words[:1]])}: {problem}")
    return 1


def _explained(error: Exception) -> str | None:
    """Return what happened and what to do; None for an error that nobody has foreseen."""
    text: str | None
    match error:
        case TxPlatformError():
            text = str(error)
        case psycopg.OperationalError():
            text = (
                f"The database cannot be used: {error}. Check TXPLATFORM_DATABASE_URL and that the "
                "server is running; `txplatform doctor` shows details."
            )
        case errors.UndefinedTable() | errors.UndefinedColumn() | errors.UndefinedFunction():
            text = "The database schema does not match this version. Run `txplatform migrate`."
        case errors.InsufficientPrivilege():
            text = (
                f"The database role may not do this: {error.diag.message_primary}. `txplatform "
                "migrate` gives the service's role its rights; the owner has to be able to create "
                "tables."
            )
        case errors.ReadOnlySqlTransaction() | errors.InvalidSchemaName():
            text = (
                f"The database cannot be used: {error.diag.message_primary}. Check that "
                "TXPLATFORM_DATABASE_URL names the primary server and an existing schema."
            )
        case UnicodeEncodeError(reason="surrogates not allowed"):
            text = "An argument is not text in the encoding of the locale."
        case OSError(strerror=str()):
            text = f"{f'{error.filename}: ' if error.filename else ''}{error.strerror}."
        case _:
            text = None
    return text


def _run(words: Sequence[str]) -> int:
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
    return int(module.run(arguments))
