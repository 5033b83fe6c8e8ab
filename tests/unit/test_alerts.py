"""The alert rules use metrics that exist, fire when they should, and have a runbook each."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from harness.debian import program
from harness.metrics import documented_metrics, registered_metrics, unknown_in
from txplatform.bootstrap import WORKERS, create_api
from txplatform.cli import COMMANDS
from txplatform.process_metrics import process_registry
from txplatform.settings import Settings
from txplatform.worker import Part

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
RUNBOOKS = ROOT / "docs" / "runbooks.md"


def alerts() -> dict[str, dict[str, Any]]:
    """Return the rules by name."""
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def runbooks() -> dict[str, str]:
    """Return the runbooks by the name of their alert."""
    sections = re.split(r"^## ", RUNBOOKS.read_text(), flags=re.MULTILINE)[1:]
    return {title: text for title, _, text in (each.partition("\n") for each in sections)}


@pytest.fixture
def registries() -> list[CollectorRegistry]:
    """The registries of an API and of a worker, which have not started."""
    settings = Settings(database_url="postgresql://nobody@127.0.0.1:1/x")
    parts: list[Part] = []
    worker = process_registry(lambda: {part.name: part.health().ready for part in parts})
    database = settings.service_database
    parts += [create(settings, database, worker) for create in WORKERS["worker"]]
    return [create_api(settings).services.registry, worker]


def test_the_document_lists_all_metrics(registries: list[CollectorRegistry]) -> None:
    """The labels are compared in tests/e2e/test_services.py, with those of running processes."""
    registered = {name for registry in registries for name in registered_metrics(registry)}
    assert set(documented_metrics()) == registered


def test_a_misspelt_metric_or_label_is_found() -> None:
    metrics = {"txplatform_a_total": frozenset({"topic"}), "txplatform_b": frozenset[str]()}
    good = 'sum by (topic, le) (rate(txplatform_a_total{topic=~"x"}[5m])) > txplatform_b_count'
    assert unknown_in(good, metrics) == []
    bad = 'sum by (feed) (txplatform_a{topic="x"}) > txplatform_b{topic!="x"}'
    assert unknown_in(bad, metrics) == [
        "txplatform_a",
        "txplatform_a{topic}",
        "txplatform_b{topic}",
        "by (feed)",
    ]


@pytest.mark.parametrize("name", alerts())
def test_an_alert_says_how_bad_it_is_and_uses_metrics_that_exist(name: str) -> None:
    rule = alerts()[name]
    assert unknown_in(rule["expr"], documented_metrics()) == []
    assert rule["labels"]["severity"] in {"page", "ticket"}
    texts = rule["annotations"]
    assert set(texts) == {"summary", "description", "runbook_url"}
    assert texts["runbook_url"] == f"docs/runbooks.md#{name.lower()}"
    own = documented_metrics()
    known = {label for metric, labels in own.items() if metric in rule["expr"] for label in labels}
    used = re.findall(r"\$labels\.(\w+)", " ".join(texts.values()))
    assert set(used) <= known | {"instance", "job"}


def test_each_alert_has_a_runbook_and_each_runbook_an_alert() -> None:
    assert list(runbooks()) == list(alerts())
    for name, text in runbooks().items():
        points = re.findall(r"^- \*\*(.*?)\*\*: ", text, re.MULTILINE)
        assert points == ["Meaning", "Customers", "Look", "Do", "Over"], name
        commands = re.findall(r"`txplatform (\w+)", text)
        assert set(commands) <= {*COMMANDS, "rulesets"}, name


PURCHASES = 'method="POST",route="/v1/process-transaction"'
HEALTHY = {
    'up{job="txplatform-api",instance="a"}': "1x500",
    'up{job="txplatform-worker",instance="w"}': "1x500",
    'txplatform_build_info{version="1"}': "1x500",
    'txplatform_ready{part="api",instance="a"}': "1x500",
    'txplatform_ready{part="consumer",instance="w"}': "1x500",
    f'txplatform_http_requests_total{{{PURCHASES},status="200"}}': "0+1000x500",
    f'txplatform_http_requests_total{{{PURCHASES},status="503"}}': "0x500",
    'txplatform_http_requests_total{method="GET",route="/v1/events",status="500"}': "0x500",
    f'txplatform_http_request_duration_seconds_bucket{{{PURCHASES},le="0.1"}}': "0+1000x500",
    f'txplatform_http_request_duration_seconds_bucket{{{PURCHASES},le="1"}}': "0+1000x500",
    f'txplatform_http_request_duration_seconds_bucket{{{PURCHASES},le="+Inf"}}': "0+1000x500",
    'txplatform_queries_waiting{instance="a"}': "0 9 0x498",
    'txplatform_ruleset_in_force{ruleset="r@1",instance="a"}': "1x500",
    'txplatform_inbound_lag_messages{topic="t",partition="0"}': "0 900 0x498",
    'txplatform_inbound_failed_looks_total{look="topics"}': "0x500",
    'txplatform_inbound_alarms{topic="t"}': "0x500",
    'txplatform_parked_messages{topic="t"}': "0x500",
    'txplatform_inbound_oldest_seconds{topic="t",partition="0"}': "0 90 0x498",
    'txplatform_publisher_oldest_seconds{feed="decisions"}': "0 90 0x498",
    'txplatform_projection_oldest_seconds{projection="transactions"}': "0 90 0x498",
    'txplatform_waiting_advices_oldest_seconds{topic="t"}': "600x500",
    "txplatform_inbound_deferred_messages": "0x500",
    "txplatform_payments_on_two_accounts": "0x500",
    'txplatform_publisher_lag_positions{feed="decisions"}': "0 9000 0x498",
    'txplatform_publisher_lag_positions{feed="parked-messages"}': "0x500",
    'txplatform_publisher_lag_positions{feed="rejected-messages"}': "0x500",
    'txplatform_publisher_restarts_total{feed="decisions"}': "0x500",
    'txplatform_projection_lag_positions{projection="transactions"}': "0 9000 0x498",
    'txplatform_projection_skipped_events{projection="transactions"}': "0x500",
    "txplatform_hold_expiry_lag_seconds": "0x500",
    "txplatform_shadow_lag_positions": "0 90000 0x498",
}
"""The series of a system without faults, one value a minute; a short lag is none."""


@dataclass(frozen=True)
class Fault:
    """A fault, and when its alert fires.

    Attributes:
        changed: The series that differ from `HEALTHY`; an empty value removes the series.
        quiet_until: The last minute in which the alert does not fire.
        fires_at: A minute in which the alert fires.
        also: Another alert that fires then.
    """

    changed: dict[str, str]
    quiet_until: int
    fires_at: int
    also: str | None = None


_503 = f'txplatform_http_requests_total{{{PURCHASES},status="503"}}'
_SLOW = f'txplatform_http_request_duration_seconds_bucket{{{PURCHASES},le="0.1"}}'
FAULTS = {
    "TxPlatformApiDown": Fault({'up{job="txplatform-api",instance="a"}': "1x5 0x500"}, 6, 8),
    "TxPlatformProcessDown": Fault(
        {'up{job="txplatform-worker",instance="w"}': "1x5 0x500"}, 10, 12
    ),
    "TxPlatformApiNotReady": Fault(
        {'txplatform_ready{part="api",instance="a"}': "1x5 0x500"}, 7, 9
    ),
    "TxPlatformPartNotReady": Fault(
        {'txplatform_ready{part="consumer",instance="w"}': "1x5 0x500"}, 10, 12
    ),
    "TxPlatformDecisionsFailing": Fault(
        {_503: "0x60 0+200x500"}, 60, 75, also="TxPlatformDecisionsFailingSlowly"
    ),
    "TxPlatformDecisionsFailingSlowly": Fault({_503: "0+8x500"}, 5, 8),
    "TxPlatformDecisionsSlow": Fault({_SLOW: "0+1000x20 20000+900x500"}, 25, 40),
    "TxPlatformUnexpectedErrors": Fault(
        {
            'txplatform_http_requests_total{method="GET",route="/v1/events",status="500"}': (
                "0x20 1x500"
            )
        },
        20,
        22,
    ),
    "TxPlatformQueriesWaiting": Fault(
        {'txplatform_queries_waiting{instance="a"}': "0x20 3x500"}, 24, 27
    ),
    "TxPlatformRuleSetNotUnderstood": Fault(
        {'txplatform_ruleset_in_force{ruleset="r@1",instance="a"}': "1x5 0x500"}, 6, 8
    ),
    "TxPlatformRuleSetsDiffer": Fault(
        {'txplatform_ruleset_in_force{ruleset="r@2",instance="b"}': "_x5 1x500"}, 5, 8
    ),
    "TxPlatformNotConsuming": Fault(
        {'txplatform_inbound_lag_messages{topic="t",partition="0"}': ""}, 4, 6
    ),
    "TxPlatformInboundBehind": Fault(
        {'txplatform_inbound_oldest_seconds{topic="t",partition="0"}': "0x5 61x500"}, 10, 12
    ),
    "TxPlatformBackgroundChecksFailing": Fault(
        {'txplatform_inbound_failed_looks_total{look="topics"}': "0x20 0+10x500"}, 34, 40
    ),
    "TxPlatformParkedChange": Fault({'txplatform_inbound_alarms{topic="t"}': "0x5 1x500"}, 6, 8),
    "TxPlatformMessagesParked": Fault(
        {'txplatform_parked_messages{topic="t"}': "0x20 1x500"}, 20, 22
    ),
    "TxPlatformAdvicesWaiting": Fault(
        {'txplatform_waiting_advices_oldest_seconds{topic="t"}': "86370+60x500"}, 9, 12
    ),
    "TxPlatformMessagesDeferred": Fault(
        {"txplatform_inbound_deferred_messages": "0x5 1x500"}, 15, 17
    ),
    "TxPlatformPaymentOnTwoAccounts": Fault(
        {"txplatform_payments_on_two_accounts": "0x5 1x500"}, 10, 12
    ),
    "TxPlatformNotPublishing": Fault(
        {'txplatform_publisher_lag_positions{feed="parked-messages"}': ""}, 4, 6
    ),
    "TxPlatformPublisherBehind": Fault(
        {'txplatform_publisher_oldest_seconds{feed="decisions"}': "0x5 61x500"}, 10, 12
    ),
    "TxPlatformPublisherRestarting": Fault(
        {'txplatform_publisher_restarts_total{feed="decisions"}': "0x20 0+1x500"}, 25, 40
    ),
    "TxPlatformReadModelBehind": Fault(
        {'txplatform_projection_oldest_seconds{projection="transactions"}': "0x5 61x500"}, 10, 12
    ),
    "TxPlatformEventsSkipped": Fault(
        {'txplatform_projection_skipped_events{projection="transactions"}': "0x20 1x500"}, 20, 22
    ),
    "TxPlatformHoldsOverdue": Fault({"txplatform_hold_expiry_lag_seconds": "0x5 61x500"}, 10, 12),
    "TxPlatformShadowBehind": Fault({"txplatform_shadow_lag_positions": "0x5 10001x500"}, 39, 43),
    "TxPlatformVersionsDiffer": Fault({'txplatform_build_info{version="2"}': "1x500"}, 119, 121),
}


def test_each_alert_fires_for_its_fault_and_for_no_other(tmp_path: Path) -> None:
    """With promtool. The texts are left out, since a test would have to repeat them."""
    assert list(FAULTS) == list(alerts())
    document = yaml.safe_load(RULES.read_text())
    for rule in document["groups"][0]["rules"]:
        del rule["annotations"]
    (tmp_path / "alerts.yml").write_text(yaml.safe_dump(document))
    tests = [_test({}, {30: set(), 100: set(), 180: set()})]
    for name, fault in FAULTS.items():
        firing = {name} if fault.also is None else {name, fault.also}
        tests.append(_test(fault.changed, {fault.quiet_until: set(), fault.fires_at: firing}))
    given = {"rule_files": ["alerts.yml"], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(given))
    for what, path in (("check", RULES), ("test", tmp_path / "tests.yml")):
        words = [program("promtool"), what, "rules", str(path)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def _test(changed: dict[str, str], expected: dict[int, set[str]]) -> dict[str, Any]:
    series = {name: values for name, values in {**HEALTHY, **changed}.items() if values}
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": value} for name, value in series.items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{minute}m",
                "exp_samples": [
                    {"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(names)
                ],
            }
            for minute, names in expected.items()
        ],
    }
