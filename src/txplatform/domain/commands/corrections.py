"""Post corrections, which take back an earlier clearing, refund or correction: the original.

A correction waits until its original is posted. Corrections are never declined for lack of credit.
"""

from typing import NamedTuple, assert_never

from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.advices import Correction, Direction
from txplatform.domain.commands.checks import check_currency, check_posting
from txplatform.domain.commands.outcome import (
    CommandRejectedError,
    Outcome,
    OutcomeStatus,
    RefusalReason,
)
from txplatform.domain.commands.prior_events import PriorEvents
from txplatform.domain.commands.waiting import let_wait, reject_waiting
from txplatform.domain.events import (
    ClearingCorrected,
    PurchaseCleared,
    PurchaseRefunded,
    SettlementEvent,
)
from txplatform.domain.events.clearings import corrections_of
from txplatform.domain.flags import Flag
from txplatform.domain.ids import TransactionId
from txplatform.domain.transaction import Transaction


class Original(NamedTuple):
    """The presentment that a correction takes back.

    Attributes:
        amount: Minor units.
        corrected_id: The id of the clearing or refund at the end of a chain of corrections.
        transaction_id: The transaction of that clearing or refund; None if it names none.
        of_refund: True if it is a refund.
    """

    direction: Direction
    amount: int
    corrected_id: str
    transaction_id: TransactionId | None
    of_refund: bool

    @classmethod
    def of(cls, event: SettlementEvent) -> "Original":
        """Return the presentment that an event posted."""
        match event:
            case PurchaseCleared(clearing=clearing):
                named = clearing.clearing_id, clearing.transaction_id
                return cls(Direction.DEBIT, clearing.amount, *named, of_refund=False)
            case PurchaseRefunded(refund=refund):
                named = refund.refund_id, refund.transaction_id
                return cls(Direction.CREDIT, refund.amount, *named, of_refund=True)
            case ClearingCorrected(correction=correction):
                named = event.corrected_id, event.corrected_transaction
                return cls(
                    correction.direction, correction.amount, *named, of_refund=event.of_refund
                )
            case _:
                assert_never(event)

    @property
    def indexed_under(self) -> str:
        """The value under which the log finds the corrections of this presentment."""
        return self.transaction_id or corrections_of(self.corrected_id)


def correct_presentment(
    correction: Correction, account: Account, prior: PriorEvents, context: DecisionContext
) -> Outcome:
    """Post a correction to an opened account, or let it wait for its original.

    Released holds are not restored.

    Raises:
        CommandRejectedError: The correction has its original's direction; see also `check_posting`.
        TransactionNotReadError: The earlier corrections were not read.
    """
    check_currency(correction, account)
    posted = prior.get(correction.original_key)
    if not isinstance(posted, SettlementEvent):
        return let_wait(correction, account, context)
    original = Original.of(posted)
    earlier = prior.transaction(original.indexed_under)
    event = _post(correction, original, earlier, account, context)
    earlier.take(event)
    apply_waiting_corrections(event, earlier, account, context)
    return Outcome(OutcomeStatus.APPLIED, event)


def apply_waiting_corrections(
    posted: SettlementEvent, earlier: Transaction, account: Account, context: DecisionContext
) -> None:
    """Apply the corrections that wait for a presentment that was just posted.

    `earlier` is the transaction with all earlier corrections of the presentment.
    """
    if not account.waiting:
        return
    originals = [posted]
    for original in originals:
        for message in list(account.waiting.values()):
            if isinstance(message, Correction) and message.original_key == original.key:
                try:
                    event = _post(message, Original.of(original), earlier, account, context)
                except CommandRejectedError as error:
                    reject_waiting(message, error, account, context)
                else:
                    earlier.take(event)
                    originals.append(event)  # another correction may wait for this one


def correction_flags(
    correction: Correction, original: Original, earlier: Transaction
) -> tuple[Flag, ...]:
    """Return the flags of a correction; `earlier` has all earlier corrections of the original."""
    flags = []
    taken_back = earlier.taken_back(correction.reverses_clearing_id)
    if taken_back > 0:
        flags.append(Flag.CORRECTED_BEFORE)
    if taken_back + correction.amount > original.amount:
        flags.append(Flag.OVER_CLEARING)
    if correction.transaction_id not in {None, original.transaction_id}:
        flags.append(Flag.OTHER_TRANSACTION)
    return tuple(flags)


def _post(
    correction: Correction,
    original: Original,
    earlier: Transaction,
    account: Account,
    context: DecisionContext,
) -> ClearingCorrected:
    if correction.direction is original.direction:
        raise CommandRejectedError(
            RefusalReason.WRONG_DIRECTION,
            f"{correction.LABEL} is a {correction.direction}, and so is the presentment that it "
            "takes back.",
            "Send it with the opposite direction. If the network keeps the original's direction, "
            "turn it round.",
            ("direction",),
        )
    check_posting(correction, account, correction.posted_change)
    return account.record(
        ClearingCorrected,
        context,
        correction=correction,
        corrected_id=original.corrected_id,
        corrected_transaction=original.transaction_id,
        of_refund=original.of_refund,
        flags=correction_flags(correction, original, earlier) + correction.flags,
        balance=account.balance_after(posted=correction.posted_change),
    )
