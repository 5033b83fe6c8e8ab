"""A broker with passwords and ACLs, as an administrator would prepare it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, though not marked so
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from harness.kafka import Broker
from harness.waiting import wait_until

USERS = ("admin", "topics", "consume", "publish", "doctor", "import")
"""The users, named for the commands; a user's password is its name after `PASSWORD`."""

PASSWORD = "s3cret-of-"
_KINDS = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP}
_ANY: Any = None
_ALL_RIGHTS = AclBindingFilter(
    ResourceType.ANY,
    _ANY,
    ResourcePatternType.ANY,
    _ANY,
    _ANY,
    AclOperation.ANY,
    AclPermissionType.ANY,
)


class SecuredBroker(Broker):
    """A broker on which a user may do only what an ACL allows."""

    def __init__(self) -> None:
        users = " ".join(f'user_{user}="{PASSWORD}{user}"' for user in USERS)
        login = f'username="admin" password="{PASSWORD}admin" {users};'
        module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        super().__init__(
            properties={
                "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,CLIENT:SASL_PLAINTEXT",
                "sasl.enabled.mechanisms": "PLAIN",
                "sasl.mechanism.inter.broker.protocol": "PLAIN",
                "listener.name.client.plain.sasl.jaas.config": f"{module} {login}",
                "authorizer.class.name": (
                    "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
                ),
                # No client can reach the controller's listener.
                "super.users": "User:admin;User:ANONYMOUS",
            },
            client=client_of("admin"),
            small=True,
        )

    @cached_property
    def admin(self) -> AdminClient:
        """A client that may do everything."""
        return AdminClient({"bootstrap.servers": self.bootstrap, **client_of("admin")})

    def login_of(self, user: str) -> dict[str, str]:
        """Return the settings with which a process connects as this user."""
        return {
            "kafka_security_protocol": "SASL_PLAINTEXT",
            "kafka_sasl_mechanism": "PLAIN",
            "kafka_sasl_username": user,
            "kafka_sasl_password": PASSWORD + user,
        }

    def env_of(self, user: str) -> dict[str, str]:
        """Return the environment of a command that connects as this user."""
        settings = {"kafka_bootstrap_servers": self.bootstrap, **self.login_of(user)}
        return {f"TXPLATFORM_{name.upper()}": value for name, value in settings.items()}

    def allow(self, user: str, kind: str, names: Iterable[str], operation: str) -> None:
        """Allow a user an operation on topics or groups."""
        rights = [
            AclBinding(
                _KINDS[kind],
                name,
                ResourcePatternType.LITERAL,
                f"User:{user}",
                "*",
                AclOperation[operation],
                AclPermissionType.ALLOW,
            )
            for name in names
        ]
        for future in self.admin.create_acls(rights).values():
            future.result(30)
        wait_until(lambda: set(rights) <= set(self._rights()), message="the rights to be known")

    def revoke(self, user: str, kind: str, name: str, operation: str) -> None:
        """Take back a right."""
        right = AclBindingFilter(
            _KINDS[kind],
            name,
            ResourcePatternType.LITERAL,
            f"User:{user}",
            _ANY,
            AclOperation[operation],
            AclPermissionType.ALLOW,
        )
        removed = self.admin.delete_acls([right])[right].result(30)
        assert len(removed) == 1
        wait_until(lambda: removed[0] not in self._rights(), message="the right to be gone")

    def forget_rights(self) -> None:
        """Delete all ACLs."""
        self.admin.delete_acls([_ALL_RIGHTS])[_ALL_RIGHTS].result(30)
        wait_until(lambda: not self._rights(), message="the rights to be gone")

    def _rights(self) -> list[AclBinding]:
        return list(self.admin.describe_acls(_ALL_RIGHTS).result(30))


def client_of(user: str) -> dict[str, str]:
    """Return librdkafka's properties for a user."""
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": user,
        "sasl.password": PASSWORD + user,
    }
