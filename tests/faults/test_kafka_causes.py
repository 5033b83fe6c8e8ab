"""The cause of a fault that only the Kafka client knows is told, and so is what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import TOPICS, TOPICS_IN, TOPICS_OUT
from harness.api import create_key
from harness.inbound import (
    OPENED,
    SUBMITTED,
    Sender,
    consuming,
    inbox,
    opened,
    payment,
    settings_for,
)
from harness.kafka import MISSING, can_start_broker
from harness.kafka_causes import commands_tell, examined, parts_tell, wait_for_words
from harness.postgres import TestDatabase
from harness.processes import run_command
from harness.published import TRANSACTION_DECISIONED, decide, publishing, wait_for_publisher
from harness.secured_kafka import PASSWORD, SecuredBroker, client_of
from harness.waiting import wait_until
from txplatform.demo.processes import free_port
from txplatform.settings import Settings

DEAD_LETTERS = tuple(f"{topic}.dlq" for topic in TOPICS_IN)
GROUP = "cards"
RESOURCES = {
    "all topics": ("topic", TOPICS),
    "inbound topics": ("topic", TOPICS_IN),
    "outbound topics": ("topic", TOPICS_OUT),
    "dead letters": ("topic", DEAD_LETTERS),
    "consumer group": ("group", (GROUP,)),
}
DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"


@pytest.fixture(scope="module")
def secured() -> Iterator[SecuredBroker]:
    """A broker with users."""
    if not can_start_broker():
        pytest.skip(MISSING)
    with SecuredBroker() as broker:
        yield broker


@pytest.fixture
def broker(secured: SecuredBroker, service_env: dict[str, str]) -> SecuredBroker:
    """The broker with the topics, and with exactly the rights that the documentation lists."""
    secured.forget_rights()
    grant_documented_rights(secured)
    env = {**service_env, **secured.env_of("topics")}
    code, _, err = run_command("topics", "create", "--partitions", "4", env=env)
    assert code == 0, err
    return secured


def grant_documented_rights(broker: SecuredBroker) -> None:
    """Give each user exactly the rights of its command in docs/operations.md."""
    text, rows = DOCUMENT.read_text(), re.compile(r"^\| (`.*) \| (.*) \| (.*) \|$", re.MULTILINE)
    table = text[text.index("| Command | Rights | On |") :].split("\n\n")[0]
    for commands, rights, resources in rows.findall(table):
        user = commands.split("`")[1].split()[0]
        for right in rights.split(", "):
            operation = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", right).upper()
            for resource in resources.split(", "):
                kind, names = RESOURCES[resource]
                broker.allow(user, kind, names, operation)


def settings_of(broker: SecuredBroker, user: str, database: TestDatabase) -> Settings:
    """Return the settings of a process of a user."""
    return settings_for(database, broker.bootstrap, kafka_group_id=GROUP, **broker.login_of(user))


def send_payment(broker: SecuredBroker, payment_id: str) -> None:
    """Send an account's opening and a payment, as the user for imports."""
    sender = Sender(broker.bootstrap, **client_of("import"))
    sender.send(OPENED, opened("acc-1"))
    sender.send(SUBMITTED, payment(payment_id, "acc-1"))
    sender.flush()


def wait_for_payment(database: TestDatabase, payment_id: str) -> None:
    """Wait until the payment is applied."""
    wait_until(
        lambda: any(each.business_key == f"payment:{payment_id}" for each in inbox(database)),
        message=f"payment {payment_id} to be applied",
    )


@pytest.mark.long
def test_everything_works_with_exactly_the_documented_rights(
    broker: SecuredBroker, database: TestDatabase, service_env: dict[str, str]
) -> None:
    create_key(service_env, "transactions:write")
    topics = {**service_env, **broker.env_of("topics")}
    code, out, err = run_command("topics", "create", env=topics)
    assert (code, out) == (0, f"nothing to create: all {len(TOPICS)} topics exist\n"), err
    send_payment(broker, "p-1")
    with (
        consuming(settings_of(broker, "consume", database)) as consumer,
        publishing(settings_of(broker, "publish", database)) as publisher,
    ):
        wait_for_payment(database, "p-1")
        wait_for_publisher(database)
        wait_until(lambda: consumer.health().ready and publisher.health().ready)
        env = {**service_env, **broker.env_of("doctor"), "TXPLATFORM_KAFKA_GROUP_ID": GROUP}
        code, found = examined(env)
        assert code == 0, found


@pytest.mark.long
def test_a_consumer_that_may_not_read_names_the_right_and_goes_on_once_it_has_it(
    broker: SecuredBroker, database: TestDatabase
) -> None:
    """The advice for damaged messages would be to delete them."""
    broker.allow("consume", "topic", [SUBMITTED], "DESCRIBE")
    with consuming(settings_of(broker, "consume", database)) as consumer:
        wait_until(lambda: consumer.health().ready, message="the consumer to be ready")
        broker.revoke("consume", "topic", SUBMITTED, "READ")
        send_payment(broker, "p-2")
        told = wait_for_words(consumer, f"User:consume lacks the right READ on topic {SUBMITTED}")
        assert f"--operation Read --topic {SUBMITTED}" in told
        assert "delete" not in told
        broker.revoke("consume", "topic", SUBMITTED, "DESCRIBE")
        told = wait_for_words(consumer, f"lacks the right DESCRIBE on topic {SUBMITTED}")
        assert "does not exist" not in told
        broker.allow("consume", "topic", [SUBMITTED], "READ")
        wait_for_payment(database, "p-2")
        wait_until(lambda: consumer.health().ready, message="the consumer to be ready again")


@pytest.mark.long
def test_a_consumer_that_may_not_join_its_group_names_the_right_and_joins_once_it_has_it(
    broker: SecuredBroker, database: TestDatabase
) -> None:
    broker.revoke("consume", "group", GROUP, "READ")
    send_payment(broker, "p-3")
    with consuming(settings_of(broker, "consume", database)) as consumer:
        told = wait_for_words(consumer, f"User:consume lacks the right READ on group {GROUP}")
        assert f"--operation Read --group {GROUP}" in told
        broker.allow("consume", "group", [GROUP], "READ")
        wait_for_payment(database, "p-3")
        wait_until(lambda: consumer.health().ready, message="the consumer to be ready again")


@pytest.mark.long
def test_a_publisher_that_may_not_write_names_the_right_and_goes_on_once_it_has_it(
    broker: SecuredBroker, database: TestDatabase
) -> None:
    """The topic is known already, or not."""
    topic = TRANSACTION_DECISIONED
    with publishing(settings_of(broker, "publish", database)) as publisher:
        wait_until(lambda: publisher.health().ready, message="the publisher to be ready")
        broker.revoke("publish", "topic", topic, "WRITE")
        decide(database, 1, 1)
        told = wait_for_words(publisher, f"User:publish lacks the right WRITE on topic {topic}")
        assert f"--operation Write --topic {topic}" in told
        broker.allow("publish", "topic", [topic], "WRITE")
        wait_for_publisher(database)
        wait_until(lambda: publisher.health().ready, message="the publisher to be ready again")


@pytest.mark.long
def test_a_doctor_that_lacks_a_right_skips_the_check_names_the_right_and_fails(
    broker: SecuredBroker, service_env: dict[str, str]
) -> None:
    env = {**service_env, **broker.env_of("doctor"), "TXPLATFORM_KAFKA_GROUP_ID": GROUP}
    send_payment(broker, "p-4")
    broker.revoke("doctor", "topic", SUBMITTED, "READ")
    code, found = examined(env)
    assert code == 1
    assert found["consume"]["status"] == "skipped"
    assert f"User:doctor lacks the right READ on topic {SUBMITTED}" in found["consume"]["detail"]
    broker.revoke("doctor", "topic", OPENED, "DESCRIBE_CONFIGS")
    code, found = examined(env)
    assert code == 1
    assert "lacks the right DESCRIBECONFIGS on topic" in found["topic settings"]["detail"]
    broker.revoke("doctor", "topic", OPENED, "READ")
    broker.revoke("doctor", "topic", OPENED, "DESCRIBE")
    code, found = examined(env)
    assert code == 1
    assert f"User:doctor lacks the right DESCRIBE on topic {OPENED}" in found["topics"]["detail"]


@pytest.mark.long
def test_topics_create_names_the_rights_that_it_lacks(
    broker: SecuredBroker, service_env: dict[str, str]
) -> None:
    """It may not see an existing topic, and may not create one."""
    env = {**service_env, **broker.env_of("topics")}
    broker.revoke("topics", "topic", OPENED, "DESCRIBE_CONFIGS")
    code, out, err = run_command("topics", "create", env=env)
    assert code == 0, err
    assert f"lacks the right DESCRIBECONFIGS on topic {OPENED}" in out
    broker.revoke("topics", "topic", OPENED, "DESCRIBE")
    code, out, err = run_command("topics", "create", env=env)
    assert code == 0, err
    assert f"note: User:topics lacks the right DESCRIBE on topic {OPENED}" in out
    broker.revoke("topics", "topic", OPENED, "CREATE")
    code, out, err = run_command("topics", "create", env=env)
    assert code == 1
    assert f"User:topics lacks the right CREATE on topic {OPENED}" in err


UNREACHABLE = [
    pytest.param("127.0.0.1", "Connection refused", marks=pytest.mark.long),
    ("brokers.invalid", "Failed to resolve 'brokers.invalid:"),
]


@pytest.mark.parametrize(("host", "cause"), UNREACHABLE)
def test_consumer_and_publisher_tell_why_they_cannot_reach_the_brokers(
    database: TestDatabase, host: str, cause: str
) -> None:
    parts_tell(settings_for(database, f"{host}:{free_port()}"), cause)


@pytest.mark.long
@pytest.mark.parametrize(("host", "cause"), UNREACHABLE)
def test_the_commands_tell_why_they_cannot_reach_the_brokers(
    service_env: dict[str, str], host: str, cause: str
) -> None:
    commands_tell(service_env, f"{host}:{free_port()}", cause)


@pytest.mark.long
def test_a_wrong_password_is_told_and_never_shown(
    broker: SecuredBroker, database: TestDatabase, service_env: dict[str, str]
) -> None:
    login = {**broker.login_of("consume"), "kafka_sasl_password": f"{PASSWORD}wrong"}
    cause = "Authentication failed: Invalid username or password"
    parts_tell(settings_for(database, broker.bootstrap, **login), cause)
    commands_tell(service_env, broker.bootstrap, cause, login)
