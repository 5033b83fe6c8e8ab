"""The configuration that all Kafka clients share, and the causes of faults in words."""

import logging
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from txplatform.errors import TxPlatformError
from txplatform.settings import KafkaSettings

ClientConfig = dict[str, Any]
"""librdkafka's configuration properties, and callbacks."""

_LOG = logging.getLogger("librdkafka")
_LOG.addHandler(logging.NullHandler())  # a command that configures no logging prints no lines

MOCK_CLUSTER = "mockCluster"
"""Prefix of the cluster id of librdkafka's mock broker, which cannot describe topics."""

CHECK_SETTINGS = "Check the settings TXPLATFORM_KAFKA_* and that the brokers are running."

_VAGUE = (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT)  # noqa: SLF001  # no public names
_FORBIDDEN = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "topic",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "group",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "cluster",
}
"""The kind of resource that an error of missing rights is about."""

_ABSENT = (
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
    KafkaError.LEADER_NOT_AVAILABLE,  # the topic is being created
)
_CLIENTS_DETAIL = re.compile(r" \(after \d+ms in state \w+(, \d+ identical error\(s\) .*)?\)")
_NOT_TRUSTED = re.compile(r"error:.*certificate verify failed.*", re.DOTALL)
"""librdkafka does not say why it does not trust a certificate, and suspects the authority only."""


_Client = TypeVar("_Client")


class BrokersError(TxPlatformError):
    """The brokers do not respond, or refuse what this client asked."""


class ReportedCauses:
    """Keeps the last error that a Kafka client reported to its callback.

    If a password is wrong, a host name is unknown or a certificate is refused, the call itself only
    fails with a time-out. librdkafka reports the cause to the error callback.
    """

    def __init__(self) -> None:
        self._code, self._words = 0, ""

    def note(self, error: KafkaError) -> None:
        """Keep an error. One that only says that a broker is away replaces no other cause."""
        code = error.code()
        if code == KafkaError._ALL_BROKERS_DOWN or (  # noqa: SLF001
            code in _VAGUE and self._words and self._code not in _VAGUE
        ):
            return
        words = _NOT_TRUSTED.sub(
            "the broker's certificate has expired, is for another host, or is not of an authority"
            " in TXPLATFORM_KAFKA_SSL_CA_LOCATION",
            error.str(),
        )
        self._code, self._words = code, _CLIENTS_DETAIL.sub("", words)

    def forget(self) -> None:
        """Forget the cause, since the brokers have responded."""
        self._code, self._words = 0, ""

    def explain(self, otherwise: str) -> str:
        """Return the last cause; `otherwise` if none was reported."""
        return self._words or otherwise


def client_config(settings: KafkaSettings, causes: ReportedCauses) -> ClientConfig:
    """Return the properties that all clients share.

    The client calls `causes` and logs only while it is polled.
    """
    password = settings.kafka_sasl_password
    given = {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "security.protocol": settings.kafka_security_protocol,
        "sasl.mechanism": settings.kafka_sasl_mechanism,
        "sasl.username": settings.kafka_sasl_username,
        "sasl.password": password.get_secret_value() if password else None,
        "ssl.ca.location": settings.kafka_ssl_ca_location,
        "ssl.certificate.location": settings.kafka_ssl_certificate_location,
        "ssl.key.location": settings.kafka_ssl_key_location,
        "client.id": "txplatform",
        "reconnect.backoff.max.ms": 2000,  # reconnects soon after a broker returns
        "socket.keepalive.enable": True,
        "error_cb": causes.note,
        "logger": _LOG,
    }
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in given.items()
        if value is not None
    }


def start_client(kind: Callable[[ClientConfig], _Client], config: ClientConfig) -> _Client:
    """Return a new client, such as an `AdminClient`.

    Raises:
        BrokersError: The client does not accept the configuration.
    """
    try:
        return kind(config)
    except KafkaException as error:
        raise BrokersError(
            "The Kafka client cannot start.",
            why=f"{error.args[0].str()}.",
            next_step="Check the settings TXPLATFORM_KAFKA_*.",
        ) from None


def brokers_error(
    settings: KafkaSettings, causes: ReportedCauses, error: KafkaException
) -> BrokersError:
    """Return the error of a call that failed, with its cause in words."""
    reason: KafkaError = error.args[0]
    return BrokersError(
        f"The brokers at {settings.kafka_bootstrap_servers} cannot be used.",
        why=f"{causes.explain(reason.str())}.",
        next_step=CHECK_SETTINGS,
    )


def is_forbidden(error: KafkaError) -> bool:
    """Return True if the broker refused a request because a right is missing."""
    return error.code() in _FORBIDDEN


def missing_right(settings: KafkaSettings, operation: str, kind: str, names: Iterable[str]) -> str:
    """Return the sentences that name a missing right, and the command that gives it.

    Args:
        settings: They say who this client is.
        operation: The right, such as `Read`.
        kind: `topic`, `group` or `cluster`.
        names: The names of the topics or the group; none for the cluster.
    """
    names = list(names)
    who = principal(settings)
    resources = "".join(f" --{kind} {name}" for name in names) or f" --{kind}"
    return (
        f"{who} lacks the right {operation.upper()} on {kind} {', '.join(names)}".rstrip()
        + f". An administrator gives it with `kafka-acls.sh --bootstrap-server"
        f" {settings.kafka_bootstrap_servers} --add --allow-principal '{who}' --operation"
        f" {operation}{resources}`."
    )


def principal(settings: KafkaSettings) -> str:
    """Return the name by which the brokers know this client."""
    if settings.kafka_security_protocol.startswith("SASL"):
        return f"User:{settings.kafka_sasl_username}"
    if settings.kafka_ssl_certificate_location is not None:
        return "User:SUBJECT-OF-THE-CERTIFICATE"
    return "User:ANONYMOUS"


class DescribedTopics(NamedTuple):
    """The topics that were asked for.

    Attributes:
        ids: The broker's id of each topic that exists.
        missing: The topics that do not exist.
        forbidden: The topics that this client may not know of, whether they exist or not.
    """

    ids: dict[str, str]
    missing: list[str]
    forbidden: list[str]


def describe_topics(
    admin: AdminClient, names: Iterable[str], *, timeout_s: float
) -> DescribedTopics:
    """Look up topics by name; unlike a look-up of all topics, it says which are forbidden.

    Raises:
        KafkaException: The brokers do not respond.
    """
    found = DescribedTopics({}, [], [])
    described = admin.describe_topics(TopicCollection(list(names)), request_timeout=timeout_s)
    for name, future in described.items():
        try:
            # Longer than the request's timeout, so that the client's own error comes first.
            found.ids[name] = str(future.result(2 * timeout_s).topic_id)
        except KafkaException as error:
            if is_forbidden(error.args[0]):
                found.forbidden.append(name)
            elif error.args[0].code() in _ABSENT:
                found.missing.append(name)
            else:
                raise
    return found
