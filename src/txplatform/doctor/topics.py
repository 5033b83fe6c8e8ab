"""Are the topics there, and made so that the promises can be kept?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from txplatform.consumers import TOPICS as INBOUND
from txplatform.doctor.broker import BrokerView, Cluster
from txplatform.doctor.finding import Finding, failed, ok, skipped, warning
from txplatform.pluralize import pluralize
from txplatform.publisher import TOPICS as OUTBOUND
from txplatform.publisher.dead_letters import DEAD_LETTER_TOPICS

TOPICS = (*INBOUND, *OUTBOUND)
ALL_TOPICS = (*TOPICS, *DEAD_LETTER_TOPICS)
DEAD_LETTER_EXTRA_BYTES = 16_384
"""What the headers that say why may add to a message."""

_DAY_MS = 86_400_000


def check_topics(cluster: Cluster) -> list[Finding]:
    """Existence, partitions and copies of all topics."""
    if missing := _missing(cluster):
        return [
            failed(
                "topics",
                f"Missing: {', '.join(missing)}.",
                "Create them, e.g. `kafka-topics.sh --create --topic NAME --partitions 12`; "
                "docs/operations.md says with which settings.",
            )
        ]
    return [_partitions(cluster), *_copies(cluster)]


def check_topic_settings(view: BrokerView, cluster: Cluster) -> Iterable[Finding]:
    """What the brokers do with the topics' messages."""
    if _missing(cluster):
        return [skipped("topic settings", "Not all topics are there.")]
    return _settings(view.settings(ALL_TOPICS))


def _missing(cluster: Cluster) -> list[str]:
    return [name for name in ALL_TOPICS if name not in cluster.topics]


def _partitions(cluster: Cluster) -> Finding:
    counts = {name: cluster.topics[name].partitions for name in TOPICS}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        return warning(
            "topics",
            f"They differ in partitions: {listed}.",
            "Give them the same number, so that an account has the same partition in each "
            "and consumers seldom get into each other's way.",
        )
    return ok(
        "topics",
        f"All {len(ALL_TOPICS)} are there, {pluralize(next(iter(counts.values())), 'partition')}.",
    )


def _copies(cluster: Cluster) -> Iterator[Finding]:
    single = [name for name in ALL_TOPICS if cluster.topics[name].replicas == 1]
    if single:
        yield warning(
            "topic copies",
            f"On one broker only: {pluralize(len(single), 'topic')}; with it go their messages.",
            "In production use three copies and min.insync.replicas=2. What we sent can be sent "
            "again from the log, what others send us cannot.",
        )


def _settings(settings: Mapping[str, Mapping[str, str]]) -> Iterator[Finding]:
    if compacted := [
        name for name in ALL_TOPICS if "compact" in settings[name].get("cleanup.policy", "")
    ]:
        yield failed(
            "topic settings",
            f"Compacted: {', '.join(compacted)}. An account's older messages vanish.",
            "Set cleanup.policy=delete.",
        )
    if narrow := [
        f"{name}.dlq"
        for name in INBOUND
        if _bytes(settings, f"{name}.dlq") < _bytes(settings, name) + DEAD_LETTER_EXTRA_BYTES
    ]:
        yield warning(
            "dead letter size",
            f"max.message.bytes leaves no room for the reason: {', '.join(narrow)}.",
            f"Set it {DEAD_LETTER_EXTRA_BYTES} bytes above that of the topic itself, else the "
            "largest parked message holds up the dead letters behind it.",
        )
    listed = ", ".join(
        f"{name} {_retention(settings[name].get('retention.ms', ''))}" for name in TOPICS
    )
    yield ok("retention", f"{listed}.")


def _bytes(settings: Mapping[str, Mapping[str, str]], topic: str) -> int:
    return int(settings[topic].get("max.message.bytes", "0"))


def _retention(milliseconds: str) -> str:
    if not milliseconds.lstrip("-").isdecimal():
        return "unknown"
    return "for ever" if int(milliseconds) < 0 else f"{int(milliseconds) / _DAY_MS:.1f} days"
