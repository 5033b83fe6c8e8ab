"""`txplatform api`, `consume`, `publish`, `project` and `worker`: run a service until SIGTERM."""

import argparse

import psycopg

from txplatform.api.server import serve
from txplatform.bootstrap import create_api, run_worker
from txplatform.database import Database
from txplatform.pooling import SharedSessionError
from txplatform.settings import load_settings


def configure(parser: argparse.ArgumentParser) -> None:
    """Add no options, since these commands are configured by settings alone."""


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT."""
    settings = load_settings()
    _refuse_shared_sessions(settings.service_database)
    if arguments.command == "api":
        return serve(settings, create_api)
    return run_worker(arguments.command, settings)


def _refuse_shared_sessions(database: Database) -> None:
    """Refuse to start behind a pooler in transaction mode; the database may be down at this time.

    Raises:
        SharedSessionError: There is such a pooler.
    """
    try:
        database.connect().close()
    except SharedSessionError:
        raise
    except psycopg.Error:
        return  # each part of the process reports it, and connects when the database is up
