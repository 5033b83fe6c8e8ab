"""`txplatform topics create` on a real broker, with and without existing topics."""

from __future__ import annotations

import json
from contextlib import closing

from confluent_kafka.admin import AdminClient
from pydantic import SecretStr

from conftest import TOPICS, TOPICS_IN
from harness.inbound import LIMIT_CHANGED, SUBMITTED
from harness.kafka import delete_topics, recreate_topics, set_topic
from harness.processes import run_command
from txplatform.demo.processes import free_port
from txplatform.doctor.broker import BrokerView
from txplatform.settings import Settings

MISSING = {TOPICS_IN[0], f"{TOPICS_IN[0]}.dlq"}


def test_topics_create_makes_the_missing_topics_and_leaves_the_others(
    service_env: dict[str, str], topics: str
) -> None:
    env = {**service_env, "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": topics}
    admin = AdminClient({"bootstrap.servers": topics})
    delete_topics(admin, MISSING)
    code, out, err = run_command("topics", "create", "--partitions", "4", "--json", env=env)
    assert code == 0, err
    assert set(json.loads(out)["created"]) == MISSING
    present = admin.list_topics(timeout=10).topics
    assert {len(present[name].partitions) for name in TOPICS} == {4}
    settings = Settings(database_url=SecretStr("postgresql://"), kafka_bootstrap_servers=topics)
    with closing(BrokerView(settings)) as view:
        found = view.settings(MISSING)
    inbound, dead_letter = (int(found[name]["max.message.bytes"]) for name in sorted(MISSING))
    assert dead_letter == inbound + 16_384
    code, out, _ = run_command("topics", "create", env=env)
    assert (code, out) == (0, f"nothing to create: all {len(TOPICS)} topics exist\n")


def test_topics_create_tells_how_existing_topics_differ(
    service_env: dict[str, str], topics: str
) -> None:
    """New topics get as many partitions as the existing ones have."""
    env = {**service_env, "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": topics}
    admin = AdminClient({"bootstrap.servers": topics})
    delete_topics(admin, MISSING)
    recreate_topics(topics, [SUBMITTED], partitions=6)
    set_topic(topics, LIMIT_CHANGED, "cleanup.policy", "compact")
    code, out, err = run_command("topics", "create", env=env)
    assert code == 0, err
    assert out.count("created ") == len(MISSING)
    assert f"left as they are: {len(TOPICS) - len(MISSING)} topics that existed" in out
    assert f"the number of partitions is not 4: {SUBMITTED} 6." in out
    assert f"Kafka deletes an account's older messages in {LIMIT_CHANGED}." in out
    present = admin.list_topics(timeout=10).topics
    assert {len(present[name].partitions) for name in MISSING} == {4}
    code, out, err = run_command("topics", "create", "--json", env=env)
    assert code == 0, err
    assert json.loads(out)["created"] == []
    assert len(json.loads(out)["different"]) == 2


def test_topics_create_says_that_no_broker_responds_or_why_one_refuses(
    service_env: dict[str, str], topics: str
) -> None:
    nobody = {"TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}
    code, out, err = run_command("topics", "create", env=service_env | nobody)
    assert (code, out) == (1, "")
    assert "Connection refused" in err
    admin = AdminClient({"bootstrap.servers": topics})
    delete_topics(admin, MISSING)
    one = {"TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": topics}
    code, out, err = run_command(
        "topics", "create", "--replication-factor", "3", env=service_env | one
    )
    assert (code, out) == (1, f"left as they are: {len(TOPICS) - 2} topics that existed\n")
    assert "2 topics could not be created. " in err
    assert "replication factor" in err.lower()
