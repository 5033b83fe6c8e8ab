"""Builds a worker process from its settings. Only this module knows every part.

Each part receives the settings, the database and the registry of the process's metrics.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from txplatform.consumers.runner import InboundConsumer
from txplatform.database import Database
from txplatform.expiry.runner import HoldExpirer
from txplatform.projections.runner import Projector
from txplatform.publisher.runner import Publisher
from txplatform.settings import Settings
from txplatform.shadow.runner import Shadower
from txplatform.telemetry import configure_logging
from txplatform.worker import Part, run_parts

PartFactory = Callable[[Settings, Database, CollectorRegistry], Part]

WORKERS: dict[str, tuple[PartFactory, ...]] = {
    "consume": (InboundConsumer,),
    "publish": (Publisher,),
    "project": (Projector, HoldExpirer, Shadower),
    "worker": (InboundConsumer, Publisher, Projector, HoldExpirer, Shadower),
}
"""The parts of each worker command."""


def run_worker(command: str, settings: Settings) -> int:
    """Run the parts of a worker command until SIGTERM; return the process's exit code."""
    configure_logging(settings)
    database = Database.for_service(settings)
    registry = CollectorRegistry()
    parts = [create(settings, database, registry) for create in WORKERS[command]]
    return run_parts(parts, registry=registry, health_port=settings.health_port)
