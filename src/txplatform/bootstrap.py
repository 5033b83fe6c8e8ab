"""Build each process of the platform from its settings; only this module knows all parts.

Each part of a worker receives the settings, the database and the process's metrics registry.
"""

import asyncio
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from txplatform.api.app import Api, assemble_api
from txplatform.api.authentication import Authenticator
from txplatform.api.events import stream_message
from txplatform.api.log_tail import LogTail
from txplatform.api.queries import Queries
from txplatform.api.rate_limits import KeyRates, StreamLimits
from txplatform.api.readiness import Readiness
from txplatform.api.request_log import RequestLog
from txplatform.api.services import Services
from txplatform.consumers.runner import InboundConsumer
from txplatform.database import Database
from txplatform.decisions.decider import Decider
from txplatform.expiry.runner import HoldExpirer
from txplatform.listening import listen
from txplatform.process_metrics import process_registry
from txplatform.projections.runner import Projector
from txplatform.publisher.runner import Publisher
from txplatform.settings import Settings
from txplatform.shadow.runner import Shadower
from txplatform.telemetry import configure_logging, log_start
from txplatform.tracing import start_tracing
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
    log_start(command, settings)
    export_last_spans = start_tracing(f"txplatform-{command}")
    database = settings.service_database
    parts: list[Part] = []
    registry = process_registry(lambda: {part.name: part.health().ready for part in parts})
    parts += [create(settings, database, registry) for create in WORKERS[command]]
    listening = None
    if settings.health_port is not None:
        variables = "TXPLATFORM_HEALTH_HOST and TXPLATFORM_HEALTH_PORT"
        listening = listen(settings.health_host, settings.health_port, variables)
    code = run_parts(parts, registry=registry, listening=listening)
    export_last_spans()
    return code


def create_api(settings: Settings, process: int = 0) -> Api:
    """Return the API of one process.

    Args:
        settings: The settings of the process.
        process: The process's number among the API processes that share the port, from 0.
    """
    database = settings.service_database
    queries = Queries(database)
    decider = Decider(settings, database)
    stopping = asyncio.Event()
    readiness = Readiness(decider, queries, stopping)
    request_log = RequestLog(settings.slow_request_ms)
    streams = StreamLimits(settings.api_max_streams, settings.api_max_streams_per_key)
    rates = KeyRates(settings.api_rate_per_key, settings.api_burst_per_key)
    share_metrics_port = settings.api_processes > 1 and settings.metrics_port is None
    services = Services(
        settings,
        decider,
        Authenticator(queries, rates=rates),
        queries,
        readiness,
        request_log,
        process_registry(
            lambda: {"api": readiness.ready},
            decider.metrics,
            request_log,
            queries,
            streams,
            process=process if share_metrics_port else None,
        ),
        streams,
        LogTail(queries, decider.clock, stream_message),
        stopping,
    )
    return assemble_api(services)
