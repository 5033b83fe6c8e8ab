"""`txplatform api`: answer HTTP requests."""

from __future__ import annotations

import argparse

from txplatform.api.server import serve
from txplatform.settings import load_settings


def configure(parser: argparse.ArgumentParser) -> None:
    """This command has no options: see the settings."""


def run(arguments: argparse.Namespace) -> int:  # noqa: ARG001  # every command is given them
    """Run until told to stop."""
    return serve(load_settings())
