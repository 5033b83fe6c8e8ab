"""`txplatform topics`: create the Kafka topics that the platform reads and writes."""

import argparse
import json
import sys

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from txplatform.doctor.topics import DEAD_LETTER_EXTRA_BYTES, TOPICS
from txplatform.errors import TxPlatformError
from txplatform.kafka import client_config
from txplatform.pluralize import pluralize
from txplatform.publisher.dead_letters import DEAD_LETTER_TOPICS
from txplatform.settings import load_settings

_TIMEOUT_S = 30
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
        default=12,
        help="number of partitions of each topic, which cannot change later (default: 12)",
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
    """Create the missing topics and print their names; existing topics are not changed."""
    settings = load_settings()
    admin = AdminClient({**client_config(settings), "log_level": 0})
    try:
        existing = admin.list_topics(timeout=_TIMEOUT_S).topics
    except KafkaException as error:
        raise TopicsError(
            f"The brokers at {settings.kafka_bootstrap_servers} do not respond.",
            why=error.args[0].str(),
            next_step="Check TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS and that a broker is running.",
        ) from error
    larger = {"max.message.bytes": str(_MAX_MESSAGE_BYTES + DEAD_LETTER_EXTRA_BYTES)}
    configs: dict[str, dict[str, str]] = {name: {} for name in TOPICS} | dict.fromkeys(
        DEAD_LETTER_TOPICS, larger
    )
    missing = [
        NewTopic(name, arguments.partitions, arguments.replication_factor, config=config)
        for name, config in configs.items()
        if name not in existing
    ]
    created, causes = [], []
    futures = admin.create_topics(missing, request_timeout=_TIMEOUT_S) if missing else {}
    for name, future in futures.items():
        try:
            future.result()
            created.append(name)
        except KafkaException as error:
            causes.append(error.args[0].str())
    if arguments.json:
        sys.stdout.write(json.dumps({"created": created}) + "\n")
    else:
        sys.stdout.writelines(f"created {name}\n" for name in created)
    if causes:
        raise TopicsError(
            f"{pluralize(len(causes), 'topic')} could not be created.",
            why="; ".join(dict.fromkeys(causes)),
            next_step="Remove the cause and run the command again.",
        )
    if not missing and not arguments.json:
        sys.stdout.write(f"nothing to create: all {len(configs)} topics exist\n")
    return 0
