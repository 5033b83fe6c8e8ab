"""`txplatform project`: keep the read models up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from txplatform.database import Database
from txplatform.projections.runner import Projector
from txplatform.settings import load_settings
from txplatform.telemetry import configure_logging
from txplatform.worker import run_parts

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """This command has no options: see the settings."""


def run(arguments: argparse.Namespace) -> int:  # noqa: ARG001  # every command is given them
    """Run until told to stop."""
    settings = load_settings()
    configure_logging(settings)
    registry = CollectorRegistry()
    return run_parts(
        [Projector(settings, Database.for_service(settings), registry)],
        registry=registry,
        health_port=settings.health_port,
    )
