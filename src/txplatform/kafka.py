"""The configuration that all Kafka clients share: brokers, security and client id."""

from pathlib import Path

from txplatform.settings import KafkaSettings

ClientConfig = dict[str, str | int | float | bool]
"""librdkafka's configuration properties."""


def client_config(settings: KafkaSettings) -> ClientConfig:
    """Return the properties that all consumers and producers share."""
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
    }
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in given.items()
        if value is not None
    }
