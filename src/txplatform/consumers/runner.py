"""Reads the inbound topics and applies what they say: one thread, one batch a transaction.

The position of each partition is kept in the database with what it brought, so that nothing
is lost or applied twice, whatever fails and wherever. Whatever passes by itself (a database
or broker that is away, a rebalance, a lock) is waited for; membership of the group is kept.
"""

from __future__ import annotations

import random
from collections import Counter as Tally
from dataclasses import dataclass, field
from logging import DEBUG
from time import monotonic
from typing import TYPE_CHECKING

import psycopg
from confluent_kafka import KafkaError, KafkaException
from psycopg import errors

from txplatform.consumers import TOPICS
from txplatform.consumers.applying import Batch, apply_batch
from txplatform.consumers.broker import Broker, received
from txplatform.consumers.health import ConsumerHealth
from txplatform.consumers.metrics import ConsumerMetrics
from txplatform.consumers.positions import (
    FencedError,
    Move,
    PartitionKey,
    Position,
    begin,
    fault_of,
)
from txplatform.consumers.reading import read_message
from txplatform.eventstore.snapshot import AccountSnapshot, account_state
from txplatform.eventstore.statements import INSERT_SNAPSHOTS
from txplatform.telemetry import correlation_id, logger

if TYPE_CHECKING:
    import threading

    from confluent_kafka import Message
    from prometheus_client import CollectorRegistry

    from txplatform.consumers.applying import Applied
    from txplatform.database import Database
    from txplatform.settings import Settings
    from txplatform.worker import Health
