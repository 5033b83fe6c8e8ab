"""`txplatform topics`: create the Kafka topics that the platform reads and writes."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, though not marked so
    AdminClient,
    ConfigResource,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic

from txplatform.doctor.topics import ALL_TOPICS, DEAD_LETTER_EXTRA_BYTES, TOPICS
from txplatform.errors import TxPlatformError
from txplatform.kafka import (
    ReportedCauses,
    brokers_error,
    client_config,
    is_forbidden,
    missing_right,
    start_client,
)
from txplatform.pluralize import pluralize
from txplatform.publisher.dead_letters import DEAD_LETTER_TOPICS
from txplatform.settings import KafkaSettings, load_kafka_settings

_TIMEOUT_S = 30
_LOOK_UP_TIMEOUT_S = 10
_PARTITIONS = 12
_MAX_MESSAGE_BYTES = 1_048_588
"""Kafka's default limit for a topic, `max.message.bytes`."""


class TopicsError(TxPlatformError):
    """Raised if topics could not be created."""


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="create the topics that do not exist yet")
    create.add_argument(
        "--partitions",
        type=int,
        help="number of partitions of each topic, which cannot change later (default: as many as"
        f" the existing topics have, or else {_PARTITIONS})",
    )
    create.add_argument(
        "--replication-factor",
        type=int,
        default=-1,
        metavar="N",
        help="number of replicas of each topic (default: the brokers' default)",
    )
    create.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Create the missing topics; existing topics are not changed, but their differences printed."""
    settings, causes = load_kafka_settings(), ReportedCauses()
    admin = start_client(AdminClient, client_config(settings, causes))
    try:
        seen = admin.list_topics(timeout=_LOOK_UP_TIMEOUT_S).topics
    except KafkaException as error:
        admin.poll(0)  # for the cause
        raise brokers_error(settings, causes, error) from error
    existing = {name: len(seen[name].partitions) for name in ALL_TOPICS if name in seen}
    usual = Counter(existing[name] for name in TOPICS if name in existing).most_common(1)
    partitions = arguments.partitions or (usual[0][0] if usual else _PARTITIONS)
    missing = [name for name in ALL_TOPICS if name not in existing]
    failures = _create(admin, missing, partitions, arguments.replication_factor)
    created = [name for name in missing if name not in failures]
    # This client may not see these topics.
    hidden = [
        name for name, error in failures.items() if error.code() == KafkaError.TOPIC_ALREADY_EXISTS
    ]
    different = list(_differences(admin, settings, existing, partitions))
    if hidden:
        different.append(missing_right(settings, "Describe", "topic", hidden))
    if arguments.json:
        result = {"created": created, "existing": [*existing, *hidden], "different": different}
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        sys.stdout.writelines(f"created {name}\n" for name in created)
        exist = len(existing) + len(hidden)
        if exist == len(ALL_TOPICS):
            sys.stdout.write(f"nothing to create: all {exist} topics exist\n")
        elif exist:
            sys.stdout.write(f"left as they are: {pluralize(exist, 'topic')} that existed\n")
        sys.stdout.writelines(f"note: {each}\n" for each in different)
    if refused := {name: error for name, error in failures.items() if name not in hidden}:
        raise TopicsError(
            f"{pluralize(len(refused), 'topic')} could not be created.",
            why=_why(settings, refused),
            next_step="Remove the cause and run the command again.",
        )
    return 0


def _create(
    admin: AdminClient, names: Collection[str], partitions: int, replicas: int
) -> dict[str, KafkaError]:
    """Create topics, and return the error of each that was not created."""
    larger = {"max.message.bytes": str(_MAX_MESSAGE_BYTES + DEAD_LETTER_EXTRA_BYTES)}
    wanted = [
        NewTopic(name, partitions, replicas, config=larger if name in DEAD_LETTER_TOPICS else {})
        for name in names
    ]
    failures = {}
    futures = admin.create_topics(wanted, request_timeout=_TIMEOUT_S) if wanted else {}
    for name, future in futures.items():
        try:
            future.result()
        except KafkaException as error:
            failures[name] = error.args[0]
    return failures


def _differences(
    admin: AdminClient, settings: KafkaSettings, existing: Mapping[str, int], partitions: int
) -> Iterator[str]:
    """Yield a sentence for each way in which existing topics differ from those created here."""
    others = [f"{n} {existing[n]}" for n in TOPICS if existing.get(n, partitions) != partitions]
    if others:
        yield (
            f"the number of partitions is not {partitions}: {', '.join(others)}. Use one number,"
            " so that an account has the same partition in every topic."
        )
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in existing]
    asked = admin.describe_configs(resources, request_timeout=_TIMEOUT_S) if resources else {}
    compacted, unread = [], []
    for resource, future in asked.items():
        try:
            if "compact" in str(future.result()["cleanup.policy"].value):
                compacted.append(resource.name)
        except KafkaException as error:
            if not is_forbidden(error.args[0]):
                raise TopicsError(
                    "The settings of the topics could not be read.",
                    why=f"{error.args[0].str()}.",
                    next_step="Run `txplatform doctor`.",
                ) from error
            unread.append(resource.name)
    if compacted:
        yield (
            f"Kafka deletes an account's older messages in {', '.join(compacted)}. Set"
            " cleanup.policy=delete."
        )
    if unread:
        yield (
            "the settings of existing topics were not compared: "
            + missing_right(settings, "DescribeConfigs", "topic", unread)
        )


def _why(settings: KafkaSettings, refused: Mapping[str, KafkaError]) -> str:
    forbidden = [name for name, error in refused.items() if is_forbidden(error)]
    causes = {error.str().rstrip(".") for error in refused.values() if not is_forbidden(error)}
    texts = [f"{cause}." for cause in sorted(causes)]
    if forbidden:
        texts.append(missing_right(settings, "Create", "topic", forbidden))
    return " ".join(texts)
