"""`txplatform publish`: publish decisions and dead letters to Kafka."""

from __future__ import annotations

import argparse

from prometheus_client import CollectorRegistry

from txplatform.database import Database
from txplatform.publisher.runner import Publisher
from txplatform.settings import load_settings
from txplatform.telemetry import configure_logging
from txplatform.worker import run_parts


def configure(parser: argparse.ArgumentParser) -> None:
    """This command has no options: see the settings."""


def run(arguments: argparse.Namespace) -> int:  # noqa: ARG001  # every command is given them
    """Run until told to stop."""
    settings = load_settings()
    configure_logging(settings)
    registry = CollectorRegistry()
    publisher = Publisher(settings, Database.for_service(settings), registry)
    return run_parts([publisher], registry=registry, health_port=settings.health_port)
