"""`txplatform consume`, `publish`, `project` and `worker`: run the parts of a worker process."""

from __future__ import annotations

import argparse

from txplatform.bootstrap import run_worker
from txplatform.settings import load_settings


def configure(parser: argparse.ArgumentParser) -> None:
    """Add no options: these commands are configured by settings alone."""


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT."""
    return run_worker(arguments.command, load_settings())
