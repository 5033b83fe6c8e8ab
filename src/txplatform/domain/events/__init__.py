"""Everything that can happen to an account: what is remembered, and what it changes.

These are stored for ever. A class may gain a field with a default; it never loses or
renames one, and its `TOPIC` (the name it is stored under) never changes.
"""

from __future__ import annotations

from typing import get_args

from txplatform.domain.events.accounts import (
    AccountOpened,
    AccountStatusChanged,
    AccountStatusSuperseded,
    ControlsChanged,
    CreditLimitChanged,
    CreditLimitChangeSuperseded,
    OperatorStatusSet,
)
from txplatform.domain.events.authorizations import (
    AuthorizationApproved,
    AuthorizationDeclined,
    AuthorizationIncremented,
    AuthorizationReversed,
    HoldExpired,
    IncrementDeclined,
    TransactionStarted,
)
from txplatform.domain.events.clearings import ClearingCorrected, PurchaseCleared, PurchaseRefunded
from txplatform.domain.events.event import AccountEvent
from txplatform.domain.events.payments import PaymentReceived, PaymentReturned
from txplatform.domain.events.waiting import (
    ClearingWaiting,
    CorrectionWaiting,
    CreditLimitChangeWaiting,
    MessageWaiting,
    PaymentReturnWaiting,
    PaymentWaiting,
    RefundWaiting,
    WaitingMessageRejected,
)

__all__ = [
    "EVENT_TYPES",
    "AccountEvent",
    "AccountOpened",
    "AccountStatusChanged",
    "AccountStatusSuperseded",
    "AuthorizationApproved",
    "AuthorizationDeclined",
    "AuthorizationIncremented",
    "AuthorizationReversed",
    "ClearingCorrected",
    "ClearingWaiting",
    "ControlsChanged",
    "CorrectionWaiting",
    "CreditLimitChangeSuperseded",
    "CreditLimitChangeWaiting",
    "CreditLimitChanged",
    "Event",
    "HoldExpired",
    "IncrementDeclined",
    "MessageWaiting",
    "MoneyEvent",
    "OperatorStatusSet",
    "PaymentReceived",
    "PaymentReturnWaiting",
    "PaymentReturned",
    "PaymentWaiting",
    "PurchaseCleared",
    "PurchaseRefunded",
    "RefundWaiting",
    "TransactionStarted",
    "WaitingMessageRejected",
]

MoneyEvent = (
    AuthorizationApproved
    | AuthorizationIncremented
    | AuthorizationReversed
    | HoldExpired
    | PurchaseCleared
    | ClearingCorrected
    | PurchaseRefunded
    | PaymentReceived
    | PaymentReturned
)
"""Every kind of event that changes what an account has posted or pending."""

Event = (
    MoneyEvent
    | AccountOpened
    | CreditLimitChanged
    | CreditLimitChangeSuperseded
    | AccountStatusChanged
    | AccountStatusSuperseded
    | OperatorStatusSet
    | ControlsChanged
    | AuthorizationDeclined
    | TransactionStarted
    | IncrementDeclined
    | PaymentWaiting
    | PaymentReturnWaiting
    | CreditLimitChangeWaiting
    | ClearingWaiting
    | CorrectionWaiting
    | RefundWaiting
    | WaitingMessageRejected
)
"""Every kind of event that a stream may hold. A `match` over either ends in `assert_never`."""

EVENT_TYPES: tuple[type[Event], ...] = get_args(Event)
