"""`txplatform api`: serve the HTTP API."""

from __future__ import annotations

import argparse

from txplatform.api.server import serve
from txplatform.bootstrap import create_api
from txplatform.settings import load_settings


def configure(parser: argparse.ArgumentParser) -> None:
    """Add no options: this command is configured by settings alone."""


def run(arguments: argparse.Namespace) -> int:  # noqa: ARG001  # every command gets them
    """Run until SIGTERM or SIGINT."""
    return serve(load_settings(), create_api)
