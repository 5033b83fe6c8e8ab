"""The configuration that all Kafka clients share, and the causes of their faults."""

from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException

from txbank.settings import CommonSettings

_ASK_S = 5
"""The time in which brokers have to respond after a fault was reported."""


class ReportedFault:
    """Keeps the last fault that a Kafka client reported, until the brokers respond again.

    If a host name is unknown, a password is wrong or a certificate is refused, a consumer only gets
    no messages. librdkafka reports the cause to the error callback.
    """

    def __init__(self) -> None:
        self._error: KafkaError | None = None

    def note(self, error: KafkaError) -> None:
        """Keep an error, unless it only says that no broker is left."""
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001  # no public name
            self._error = error

    @property
    def cause(self) -> str:
        """The cause in librdkafka's words; empty if none was reported."""
        return "" if self._error is None else f"{self._error.str()}."

    def require_brokers(self, consumer: Consumer) -> None:
        """Check that brokers respond, if a fault was reported since they last did.

        Raises:
            KafkaException: They do not; the error is the cause that was reported.
        """
        if self._error is None:
            return
        try:
            consumer.list_topics(timeout=_ASK_S)
        except KafkaException:
            raise KafkaException(self._error) from None
        self._error = None


def client_config(settings: CommonSettings, fault: ReportedFault) -> dict[str, Any]:
    """Return librdkafka's properties for brokers and security. Faults are noted in `fault`."""
    password = settings.kafka_sasl_password
    given = {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "security.protocol": settings.kafka_security_protocol,
        "sasl.mechanism": settings.kafka_sasl_mechanism,
        "sasl.username": settings.kafka_sasl_username,
        "sasl.password": password.get_secret_value() if password else None,
        "ssl.ca.location": settings.kafka_ssl_ca_location,
        "client.id": "txbank",
        "reconnect.backoff.max.ms": 1000,
        "error_cb": fault.note,
        "log_level": 0,  # faults are logged by the part that meets them, once
    }
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in given.items()
        if value is not None
    }
