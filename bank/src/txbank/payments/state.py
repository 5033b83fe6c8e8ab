"""The state machine of a payment."""

from enum import StrEnum

from txbank.errors import TxBankError


class PaymentState(StrEnum):
    """The state of a payment. The platform learns of `accepted` and `returned` only."""

    ACCEPTED = "accepted"
    HELD = "held"
    REFUSED = "refused"
    RETURNED = "returned"


class Action(StrEnum):
    """What staff or the payer's bank may do to a payment."""

    RELEASE = "release"
    REFUSE = "refuse"
    RETURN = "return"


TRANSITIONS: dict[tuple[PaymentState, Action], PaymentState] = {
    (PaymentState.HELD, Action.RELEASE): PaymentState.ACCEPTED,
    (PaymentState.HELD, Action.REFUSE): PaymentState.REFUSED,
    (PaymentState.ACCEPTED, Action.RETURN): PaymentState.RETURNED,
}
"""The state after each action. What is not listed is not allowed."""


class NotAllowedError(TxBankError):
    """The payment's state does not allow the action."""


def next_state(state: PaymentState, action: Action) -> PaymentState:
    """Return the state after an action.

    Raises:
        NotAllowedError: The state does not allow the action.
    """
    if (state, action) not in TRANSITIONS:
        allowed = [str(before) for before, of in TRANSITIONS if of is action]
        raise NotAllowedError(
            f"A payment in the state {state} does not allow the action {action}.",
            why=f"Only {' or '.join(allowed)} payments do.",
            next_step="Read the payment to see what happened to it.",
        )
    return TRANSITIONS[state, action]
