"""A broker that its clients reach by TLS only."""

from __future__ import annotations

from pathlib import Path

from typing_extensions import override

from harness.certificates import Authority
from harness.kafka import Broker
from harness.secured_kafka import PASSWORD
from txplatform.demo.processes import free_port

_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule required"


class TlsBroker(Broker):
    """A broker for SCRAM over TLS, with two more listeners.

    Attributes:
        mutual: The address at which clients need a certificate.
        expired: The address at which the broker's certificate has expired.
    """

    def __init__(self, authority: Authority) -> None:
        users = {name: f"{PASSWORD}{name}" for name in ("admin", "cards")}
        self._authority = authority
        super().__init__(small=True, users=users, client=self.client_of("admin"))
        self.mutual, self.expired = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self._keystores = {name: self._keystore(name, days) for name, days in _DAYS.items()}

    def client_of(self, user: str) -> dict[str, str]:
        """Return librdkafka's properties for a user."""
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": f"{PASSWORD}{user}",
            "ssl.ca.location": str(self._authority.certificate),
        }

    def login_of(self, user: str) -> dict[str, str]:
        """Return the settings with which a process connects as this user."""
        return {
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_mechanism": "SCRAM-SHA-512",
            "kafka_sasl_username": user,
            "kafka_sasl_password": f"{PASSWORD}{user}",
            "kafka_ssl_ca_location": str(self._authority.certificate),
        }

    def _keystore(self, name: str, days: int) -> Path:
        pair = self._authority.issue(name, days=days)
        keystore = self._authority.folder / f"{name}.keystore.pem"
        keystore.write_text(pair.key.read_text() + pair.certificate.read_text())
        return keystore

    @override
    def _properties(self) -> str:
        ours = f"CLIENT://{self.bootstrap},MUTUAL://{self.mutual},EXPIRED://{self.expired}"
        (controller,) = self._controller_ports.values()
        login = f'username="admin" password="{PASSWORD}admin"'
        properties = {
            "listeners": f"{ours},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": ours,
            "listener.security.protocol.map": (
                "CONTROLLER:PLAINTEXT,CLIENT:SASL_SSL,MUTUAL:SSL,EXPIRED:SSL"
            ),
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "listener.name.client.scram-sha-512.sasl.jaas.config": f"{_MODULE} {login};",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._keystores["broker"]),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self._authority.certificate),
            "listener.name.mutual.ssl.client.auth": "required",
            "listener.name.expired.ssl.keystore.type": "PEM",
            "listener.name.expired.ssl.keystore.location": str(self._keystores["expired"]),
        }
        # The last line with a name counts.
        return super()._properties() + "".join(f"{k}={v}\n" for k, v in properties.items())


_DAYS = {"broker": 30, "expired": -1}
"""The certificates, with the days until they expire."""
