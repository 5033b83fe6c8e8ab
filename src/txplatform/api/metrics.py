"""`GET /metrics`: the metrics of one API process, in Prometheus text format."""

from collections.abc import Iterable

from fastapi import APIRouter
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Metric,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.registry import Collector
from starlette.responses import Response

from txplatform.api.dependencies import ServicesOf

router = APIRouter(tags=["operations"])


@router.get("/metrics", response_class=Response, response_description="Prometheus text format.")
async def metrics(services: ServicesOf) -> Response:
    """Return this process's metrics. If processes share a port, the process number is a label."""
    return Response(generate_latest(services.registry), media_type=CONTENT_TYPE_LATEST)


def process_registry(collector: Collector, process: int | None) -> CollectorRegistry:
    """Return a registry of the request metrics and the process's memory and CPU time.

    Args:
        collector: The metrics of the process's requests.
        process: The process number, added as a label to each series; None for no label. Processes
            that share a port need the label, because any of them may respond to a scrape.
    """
    registry = CollectorRegistry()
    for each in (collector, ProcessCollector(registry=None)):
        registry.register(each if process is None else _Labelled(each, process))
    return registry


class _Labelled(Collector):
    def __init__(self, collector: Collector, process: int) -> None:
        self._collector = collector
        self._label = {"process": str(process)}

    def collect(self) -> Iterable[Metric]:
        for metric in self._collector.collect():
            metric.samples = [
                sample._replace(labels={**sample.labels, **self._label})
                for sample in metric.samples
            ]
            yield metric
