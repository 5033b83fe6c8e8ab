"""The metrics that every process has: version, memory, CPU time and the readiness of its parts."""

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

VERSION = version("txplatform")
"""The version of this package."""

Readiness = Callable[[], Mapping[str, bool]]
"""Returns for each part of the process whether it can work; called from any thread."""


class _OwnMetrics(Collector):
    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    def collect(self) -> Iterable[Metric]:
        yield InfoMetricFamily(
            "txplatform_build", "The version that runs.", value={"version": VERSION}
        )
        ready = GaugeMetricFamily(
            "txplatform_ready",
            "1 if a part of the process can work, as /readyz says.",
            labels=["part"],
        )
        for part, is_ready in self._readiness().items():
            ready.add_metric([part], float(is_ready))
        yield ready


def process_registry(
    readiness: Readiness, *collectors: Collector, process: int | None = None
) -> CollectorRegistry:
    """Return the registry of a process.

    Args:
        readiness: The readiness of the parts of the process.
        collectors: The other metrics.
        process: The process number, added as a label to each series; None for no label. Processes
            that share a port need the label, because any of them may respond to a scrape.
    """
    registry = CollectorRegistry()
    for each in (_OwnMetrics(readiness), ProcessCollector(registry=None), *collectors):
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
