"""The consumer group, and members of it that are not connected to this consumer's database.

Such a member belongs to another installation, perhaps on a copy of this database, and gets messages
that do not arrive here. Each consumer locks its member id in its database. A member whose id nobody
has locked is a stranger.
"""

from collections.abc import Sequence
from typing import NamedTuple

import psycopg
from confluent_kafka.admin import AdminClient

from txplatform.advisory_locks import GROUP_MEMBERS
from txplatform.pluralize import pluralize
from txplatform.settings import Settings

_REQUEST_TIMEOUT_S = 5
_FUTURE_TIMEOUT_S = 2 * _REQUEST_TIMEOUT_S
"""Longer than the request's timeout, so that the client's own error comes first."""

_OLD_CLIENT_ID = "txplatform"
"""The client id of version 0.1.0, which locks no member id."""

_INSTALLATION_ID = """
SELECT encode(substr(sha256('installation'::bytea || secret), 1, 4), 'hex')
FROM installation_secrets WHERE name = 'message-contents'
"""
"""The id has a fraction of the secret's bits, so it says nothing about the secret."""

_KEY = "hashtext(current_schema() || ' ' || member_id)"
_LOCK = f"SELECT pg_try_advisory_lock_shared(%s, {_KEY}) FROM (VALUES (%s)) AS m (member_id)"
_UNLOCKED = f"""
SELECT member_id FROM unnest(%s::text[]) AS m (member_id)
WHERE NOT EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (classid, objid, objsubid) = (%s, {_KEY}::bit(32)::bigint, 2)
)
"""

STRANGER_ADVICE = (
    "If it belongs to another installation, set TXPLATFORM_KAFKA_GROUP_ID in one of the two to a"
    " name of its own, and restart its consumers: both then get all messages."
)


class Identity(NamedTuple):
    """The names under which a consumer is known to the brokers."""

    group_id: str
    client_id: str


class Member(NamedTuple):
    """A member of a consumer group.

    Attributes:
        partitions: The number of partitions assigned to it.
    """

    member_id: str
    client_id: str
    host: str
    partitions: int


def read_identity(settings: Settings, connection: psycopg.Connection) -> Identity:
    """Return the consumer's names, with an id of the installation that its database keeps.

    A copy of the database has the same id.

    Raises:
        psycopg.Error: The database does not respond, or its schema is missing.
    """
    ((installation_id,),) = connection.execute(_INSTALLATION_ID).fetchall()
    own = f"txplatform-{installation_id}"
    return Identity(settings.kafka_group_id or own, own)


def lock_member(connection: psycopg.Connection, member_id: str) -> None:
    """Show as long as this connection lasts that a member of the group belongs to this database.

    Raises:
        psycopg.Error: The database does not respond.
    """
    connection.execute(_LOCK, (GROUP_MEMBERS, member_id))


def members_of(admin: AdminClient, group_id: str) -> list[Member]:
    """Ask the broker for the members of a group.

    Only a command that ends soon may ask: if the broker is away, librdkafka 2.x can fail an
    assertion of its own (`rd_kafka_enq_once_del_source_return`), which ends the process.

    Raises:
        KafkaException: The broker does not respond, denies access, or cannot describe groups.
    """
    described = admin.describe_consumer_groups([group_id], request_timeout=_REQUEST_TIMEOUT_S)
    return [
        Member(
            each.member_id,
            each.client_id,
            each.host,
            len(each.assignment.topic_partitions if each.assignment else ()),
        )
        for each in described[group_id].result(_FUTURE_TIMEOUT_S).members
    ]


def strangers_among(connection: psycopg.Connection, members: Sequence[Member]) -> list[Member]:
    """Return the members that read partitions, but are not connected to this database."""
    reading = {
        each.member_id: each
        for each in members
        if each.partitions and each.client_id != _OLD_CLIENT_ID
    }
    rows = connection.execute(_UNLOCKED, ([*reading], GROUP_MEMBERS)).fetchall()
    return [reading[member_id] for (member_id,) in rows]


def describe_strangers(members: Sequence[Member], strangers: Sequence[Member]) -> str:
    """Return which partitions are lost to strangers, as text; empty without strangers."""
    if not strangers:
        return ""
    of_all = pluralize(sum(each.partitions for each in members), "partition")
    named = ", ".join(f"client id {each.client_id} at {each.host}" for each in strangers)
    return (
        f"{sum(each.partitions for each in strangers)} of {of_all} are read by a process that is"
        f" not connected to this database ({named}): their messages do not arrive here"
    )
