"""TLS to the brokers: SCRAM, client certificates, and certificates that are not trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from harness.api import create_key
from harness.certificates import Authority, new_authority
from harness.inbound import OPENED, Sender, consuming, inbox, opened, settings_for
from harness.kafka import MISSING, can_start_broker
from harness.kafka_causes import commands_tell, examined, parts_tell
from harness.postgres import TestDatabase
from harness.processes import run_command
from harness.published import decide, publishing, wait_for_publisher
from harness.secured_kafka import PASSWORD
from harness.tls_kafka import TlsBroker
from harness.waiting import wait_until

NOT_TRUSTED = (
    "SSL handshake failed: the broker's certificate has expired, is for another host, or is not of "
    "an authority in TXPLATFORM_KAFKA_SSL_CA_LOCATION"
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority of all certificates."""
    return new_authority(tmp_path_factory.mktemp("tls") / "authority")


@pytest.fixture(scope="module")
def broker(authority: Authority) -> Iterator[TlsBroker]:
    """A broker that its clients reach by TLS only."""
    if not can_start_broker():
        pytest.skip(MISSING)
    with TlsBroker(authority) as broker:
        yield broker


def as_env(settings: Mapping[str, str]) -> dict[str, str]:
    """Return settings as environment variables."""
    return {f"TXPLATFORM_{name.upper()}": value for name, value in settings.items()}


@pytest.mark.long
def test_messages_are_applied_and_published_with_scram_over_tls(
    broker: TlsBroker, database: TestDatabase, service_env: dict[str, str], tmp_path: Path
) -> None:
    """The password of the commands is in a file."""
    create_key(service_env, "transactions:write")
    login = broker.login_of("cards")
    (tmp_path / "password").write_text(f"{login['kafka_sasl_password']}\n")
    in_file = {"kafka_sasl_password_file": str(tmp_path / "password")}
    public = {name: value for name, value in login.items() if name != "kafka_sasl_password"}
    env = {
        **service_env,
        **as_env({"kafka_bootstrap_servers": broker.bootstrap, **public, **in_file}),
    }
    code, _, err = run_command("topics", "create", "--partitions", "1", env=env)
    assert code == 0, err
    sender = Sender(broker.bootstrap, **broker.client_of("cards"))
    sender.send(OPENED, opened("acc-1"))
    sender.flush()
    settings = settings_for(database, broker.bootstrap, **login)
    with consuming(settings), publishing(settings):
        wait_until(lambda: inbox(database), message="the account's opening to be applied")
        decide(database, 1, 1)
        wait_for_publisher(database)
    code, found = examined(env)
    assert "broker" not in found, found


@pytest.mark.long
def test_a_client_can_show_a_certificate_instead_of_a_password(
    broker: TlsBroker, authority: Authority, service_env: dict[str, str]
) -> None:
    own = authority.issue("cards")
    trusted = {
        "kafka_security_protocol": "SSL",
        "kafka_ssl_ca_location": str(authority.certificate),
    }
    shown = {
        "kafka_ssl_certificate_location": str(own.certificate),
        "kafka_ssl_key_location": str(own.key),
    }
    address = {"kafka_bootstrap_servers": broker.mutual}
    env = {**service_env, **as_env({**address, **trusted, **shown})}
    code, _, err = run_command("topics", "create", "--partitions", "1", env=env)
    assert code == 0, err
    commands_tell(service_env, broker.mutual, "alert bad certificate", trusted)


@pytest.mark.long
def test_a_certificate_that_is_not_trusted_is_told(
    broker: TlsBroker, database: TestDatabase, service_env: dict[str, str], tmp_path: Path
) -> None:
    other = new_authority(tmp_path / "other")
    wrong = {
        **broker.login_of("cards"),
        "kafka_ssl_ca_location": str(other.certificate),
    }
    parts_tell(settings_for(database, broker.bootstrap, **wrong), NOT_TRUSTED)
    commands_tell(service_env, broker.bootstrap, NOT_TRUSTED, wrong)


@pytest.mark.long
def test_a_certificate_that_has_expired_is_told(
    broker: TlsBroker, authority: Authority, database: TestDatabase
) -> None:
    trusted = {
        "kafka_security_protocol": "SSL",
        "kafka_ssl_ca_location": str(authority.certificate),
    }
    parts_tell(settings_for(database, broker.expired, **trusted), NOT_TRUSTED)


@pytest.mark.long
def test_a_wrong_password_over_tls_is_told(broker: TlsBroker, service_env: dict[str, str]) -> None:
    wrong = {**broker.login_of("cards"), "kafka_sasl_password": f"{PASSWORD}wrong"}
    commands_tell(service_env, broker.bootstrap, "Authentication failed", wrong)
