"""The metrics of running processes, of the document for operators, and in PromQL expressions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[str]

_DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"
_SUFFIXES = {"counter": "_total", "info": "_info"}
_OF_HISTOGRAMS = re.compile(r"_(bucket|sum|count)$")
_OF_PROMETHEUS = frozenset({"instance", "job", "le"})
"""Labels that Prometheus adds, or that every histogram has."""


def documented_metrics() -> dict[str, Labels]:
    """Return the metrics of the tables in docs/operations.md, with their labels."""
    cells = re.findall(r"^\| (`txplatform_[^|]*) \|", _DOCUMENT.read_text(), re.MULTILINE)
    return {
        name: frozenset(labels.split(", ")) if labels else frozenset()
        for cell in cells
        for name, labels in re.findall(r"`(\w+)(?:\{([^}]*)\})?`", cell)
    }


def registered_metrics(registry: CollectorRegistry) -> dict[str, Labels | None]:
    """Return the metrics of a registry; the labels are None if there is no sample yet."""
    return _by_name(registry.collect())


def exported_metrics(url: str) -> dict[str, Labels | None]:
    """Return the metrics of a running process; the labels are None if there is no sample yet."""
    return _by_name(text_string_to_metric_families(httpx.get(f"{url}/metrics").text))


def _by_name(families: Iterable[Metric]) -> dict[str, Labels | None]:
    found: dict[str, Labels | None] = {}
    for family in families:
        # The client library adds the time at which a series began as a metric of its own.
        if family.name.startswith("txplatform_") and not family.name.endswith("_created"):
            name = family.name + _SUFFIXES.get(family.type, "")
            of_samples = {
                frozenset(sample.labels) - {"le"}
                for sample in family.samples
                if not sample.name.endswith("_created")
            }
            assert len(of_samples) < 2, name
            found[name] = next(iter(of_samples), None)
    return found


def unknown_in(expression: str, metrics: Mapping[str, Labels]) -> list[str]:
    """Return the metrics and labels of a PromQL expression that are not exported."""
    names = re.findall(r"\btxplatform_\w+", expression)
    unknown = [name for name in names if _OF_HISTOGRAMS.sub("", name) not in metrics]
    for name, selectors in re.findall(r"\b(txplatform_\w+)\{([^}]*)\}", expression):
        labels = metrics.get(_OF_HISTOGRAMS.sub("", name), frozenset())
        selected = re.findall(r'(\w+)\s*(?:=|!=|=~|!~)\s*"', selectors)
        unknown += [f"{name}{{{label}}}" for label in selected if label not in labels]
    used = {
        label for name in names for label in metrics.get(_OF_HISTOGRAMS.sub("", name), frozenset())
    }
    for grouping in re.findall(r"\bby \(([^)]*)\)", expression):
        unknown += [
            f"by ({label})"
            for label in re.split(r",\s*", grouping)
            if label not in used | _OF_PROMETHEUS
        ]
    return unknown
