"""Typed clients for txplatform's HTTP API, and its Kafka messages (`txplatform_client.kafka`).

This package exports the clients, the errors, and the classes that callers make or keep. The other
responses are in the module of their subject, such as `txplatform_client.rulesets`.
"""

from txplatform_client.accounts import AccountBalance, ControlsChange, Opening, StatusChange
from txplatform_client.authorizations import Decision, Increment, Purchase, Reversal
from txplatform_client.client import AsyncClient, Client
from txplatform_client.errors import (
    InvalidArgumentError,
    MessageError,
    NoResponseError,
    Problem,
    ProblemError,
    TxPlatformClientError,
    UnexpectedResponseError,
)
from txplatform_client.events import Event
from txplatform_client.fields import Balance, Merchant, Reason
from txplatform_client.inbound_messages import Discard, InboundMessage, Retries
from txplatform_client.money import Money, MoneyError
from txplatform_client.rulesets import Activation, Shadowing
from txplatform_client.settlement import Clearing, ClearingItem, ClearingResult, Refund
from txplatform_client.transactions import Posting, Transaction

__all__ = [
    "AccountBalance",
    "Activation",
    "AsyncClient",
    "Balance",
    "Clearing",
    "ClearingItem",
    "ClearingResult",
    "Client",
    "ControlsChange",
    "Decision",
    "Discard",
    "Event",
    "InboundMessage",
    "Increment",
    "InvalidArgumentError",
    "Merchant",
    "MessageError",
    "Money",
    "MoneyError",
    "NoResponseError",
    "Opening",
    "Posting",
    "Problem",
    "ProblemError",
    "Purchase",
    "Reason",
    "Refund",
    "Retries",
    "Reversal",
    "Shadowing",
    "StatusChange",
    "Transaction",
    "TxPlatformClientError",
    "UnexpectedResponseError",
]
