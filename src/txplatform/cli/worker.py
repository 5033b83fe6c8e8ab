"""`txplatform worker`: consume, publish and project in one process, for small installations."""

from __future__ import annotations

import argparse

from prometheus_client import CollectorRegistry

from txplatform.consumers.runner import InboundConsumer
from txplatform.database import Database
from txplatform.expiry.runner import HoldExpirer
from txplatform.projections.runner import Projector
from txplatform.publisher.runner import Publisher
from txplatform.settings import load_settings
from txplatform.shadow.runner import Shadower
from txplatform.telemetry import configure_logging
from txplatform.worker import run_parts


def configure(parser: argparse.ArgumentParser) -> None:
    """This command has no options: see the settings."""


def run(arguments: argparse.Namespace) -> int:  # noqa: ARG001  # every command is given them
    """Run until told to stop."""
    settings = load_settings()
    configure_logging(settings)
    database = Database.for_service(settings)
    registry = CollectorRegistry()
    return run_parts(
        [
            InboundConsumer(settings, database, registry),
            Publisher(settings, database, registry),
            Projector(settings, database, registry),
            HoldExpirer(settings, database, registry),
            Shadower(settings, database, registry),
        ],
        registry=registry,
        health_port=settings.health_port,
    )
