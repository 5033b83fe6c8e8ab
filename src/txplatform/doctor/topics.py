"""Check that the topics exist and have settings that keep messages safe and in order."""

from collections.abc import Iterator, Mapping

from txplatform.contracts.messages import INBOUND
from txplatform.doctor.broker import BrokerView, Cluster
from txplatform.doctor.finding import Finding, failed, ok, skipped, warning
from txplatform.pluralize import pluralize
from txplatform.publisher import TOPICS as OUTBOUND
from txplatform.publisher.dead_letters import DEAD_LETTER_TOPICS

TOPICS = (*INBOUND, *OUTBOUND)
ALL_TOPICS = (*TOPICS, *DEAD_LETTER_TOPICS)
DEAD_LETTER_EXTRA_BYTES = 16_384
"""The most bytes that a dead letter adds to the original message, in its headers."""

_DAY_MS = 86_400_000


def check_topics(view: BrokerView, cluster: Cluster) -> Iterator[Finding]:
    """Check that all topics exist, and check their partition and replica counts."""
    if cluster.forbidden:
        yield skipped("topics", view.missing_right("Describe", cluster.forbidden))
    if missing := [name for name in _missing(cluster) if name not in cluster.forbidden]:
        yield failed(
            "topics",
            f"Missing: {', '.join(missing)}.",
            "Run `txplatform topics create`, or create them as docs/operations.md says.",
        )
    if _missing(cluster):
        return
    counts = {name: cluster.topics[name].partitions for name in TOPICS}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        yield warning(
            "topics",
            f"The numbers of partitions differ: {listed}.",
            "Use one number for all, so that an account has the same partition in every topic. "
            "Otherwise two consumers often write to one account and have to retry.",
        )
    else:
        partitions = pluralize(next(iter(counts.values())), "partition")
        yield ok("topics", f"All {len(ALL_TOPICS)} exist, with {partitions}.")
    if single := [name for name in ALL_TOPICS if cluster.topics[name].replicas == 1]:
        yield warning(
            "topic copies",
            f"{pluralize(len(single), 'topic')} with one replica: a lost broker loses them.",
            "In production use three replicas and min.insync.replicas=2. Outbound messages can be "
            "published again from the log; inbound messages cannot be recovered.",
        )


def check_topic_settings(view: BrokerView, cluster: Cluster) -> Iterator[Finding]:
    """Check compaction, in-sync replicas and message sizes, and report the retention."""
    if _missing(cluster):
        yield skipped("topic settings", "Some topics are missing.")
        return
    if cluster.is_mock:
        yield warning(
            "topic settings",
            "The demo's broker has no topic settings, and keeps messages for a short time only.",
            "In production use Apache Kafka.",
        )
        return
    settings = view.settings(ALL_TOPICS)
    # Kafka asks for no more replicas in sync than a topic has.
    few = [
        f"{name} ({topic.in_sync} of {least})"
        for name in ALL_TOPICS
        if (topic := cluster.topics[name]).in_sync
        < (least := min(_number(settings, name, "min.insync.replicas"), topic.replicas))
    ]
    if few:
        yield failed(
            "in-sync replicas",
            f"Fewer than min.insync.replicas, so nothing can be published: {', '.join(few)}.",
            "Start the brokers that are away, or lower min.insync.replicas.",
        )
    if compacted := [
        name for name in ALL_TOPICS if "compact" in settings[name].get("cleanup.policy", "")
    ]:
        yield failed(
            "topic settings",
            f"Compacted: {', '.join(compacted)}. Kafka deletes an account's older messages.",
            "Set cleanup.policy=delete.",
        )
    if narrow := [
        f"{name}.dlq"
        for name in INBOUND
        if _number(settings, f"{name}.dlq", "max.message.bytes")
        < _number(settings, name, "max.message.bytes") + DEAD_LETTER_EXTRA_BYTES
    ]:
        yield warning(
            "dead letter size",
            f"max.message.bytes leaves no room for the headers: {', '.join(narrow)}.",
            f"Set it {DEAD_LETTER_EXTRA_BYTES} bytes higher than for the original topic. Otherwise "
            "a dead letter that is too large blocks all later dead letters.",
        )
    listed = ", ".join(
        f"{name} {_retention(settings[name].get('retention.ms', ''))}" for name in TOPICS
    )
    yield ok("retention", f"{listed}.")


def _missing(cluster: Cluster) -> list[str]:
    return [name for name in ALL_TOPICS if name not in cluster.topics]


def _number(settings: Mapping[str, Mapping[str, str]], topic: str, name: str) -> int:
    return int(settings[topic].get(name, "0"))


def _retention(milliseconds: str) -> str:
    if not milliseconds.lstrip("-").isdecimal():
        return "unknown"
    return "forever" if int(milliseconds) < 0 else f"{int(milliseconds) / _DAY_MS:.1f} days"
