"""Typed clients for txplatform's HTTP API, and its Kafka messages (`txplatform_client.kafka`)."""

from txplatform_client.accounts import (
    AccountBalance,
    ChangedControls,
    Controls,
    ControlsChange,
    Opening,
    OperatorStatus,
    StatusChange,
)
from txplatform_client.authorizations import (
    Decision,
    DryRun,
    Increment,
    IncrementDecision,
    Purchase,
    Reversal,
    Reversed,
)
from txplatform_client.client import AsyncClient, Client
from txplatform_client.errors import (
    FieldProblem,
    MessageError,
    NoResponseError,
    Problem,
    ProblemError,
    TxPlatformClientError,
    UnexpectedResponseError,
)
from txplatform_client.fields import Balance, Merchant, Reason
from txplatform_client.money import Money, MoneyError

__all__ = [
    "AccountBalance",
    "AsyncClient",
    "Balance",
    "ChangedControls",
    "Client",
    "Controls",
    "ControlsChange",
    "Decision",
    "DryRun",
    "FieldProblem",
    "Increment",
    "IncrementDecision",
    "Merchant",
    "MessageError",
    "Money",
    "MoneyError",
    "NoResponseError",
    "Opening",
    "OperatorStatus",
    "Problem",
    "ProblemError",
    "Purchase",
    "Reason",
    "Reversal",
    "Reversed",
    "StatusChange",
    "TxPlatformClientError",
    "UnexpectedResponseError",
]
