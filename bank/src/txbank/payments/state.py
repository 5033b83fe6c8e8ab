"""The state machine of a payment."""

from enum import StrEnum


class PaymentState(StrEnum):
    """The state of a payment. The platform learns of `accepted` and `returned` only."""

    ACCEPTED = "accepted"
    HELD = "held"
    REFUSED = "refused"
    RETURNED = "returned"


class Action(StrEnum):
    """An action of staff or of the payer's bank on a payment."""

    RELEASE = "release"
    REFUSE = "refuse"
    RETURN = "return"


TRANSITIONS: dict[Action, tuple[PaymentState, PaymentState]] = {
    Action.RELEASE: (PaymentState.HELD, PaymentState.ACCEPTED),
    Action.REFUSE: (PaymentState.HELD, PaymentState.REFUSED),
    Action.RETURN: (PaymentState.ACCEPTED, PaymentState.RETURNED),
}
"""The state that each action needs, and the state after it."""
