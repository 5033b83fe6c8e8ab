"""The configuration that all Kafka clients share."""

from pathlib import Path

from txbank.settings import CommonSettings


def client_config(settings: CommonSettings) -> dict[str, str | int | float | bool]:
    """Return librdkafka's properties for brokers and security."""
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
        "log_level": 0,  # faults are logged by the part that meets them, once
    }
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in given.items()
        if value is not None
    }
