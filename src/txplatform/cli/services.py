"""`txplatform api`, `consume`, `publish`, `project` and `worker`: run a service until SIGTERM."""

import argparse

from txplatform.api.server import serve
from txplatform.bootstrap import create_api, run_worker
from txplatform.settings import load_settings


def configure(parser: argparse.ArgumentParser) -> None:
    """Add no options, since these commands are configured by settings alone."""


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT."""
    settings = load_settings()
    if arguments.command == "api":
        return serve(settings, create_api)
    return run_worker(arguments.command, settings)
