"""The fields of a presentment, over HTTP (single and in batches) and over Kafka."""

from typing import Annotated, Any, ClassVar, assert_never

from pydantic import Field, StrictBool, ValidationInfo, field_validator

from txplatform.contracts.advice import (
    AdviceBody,
    DescribedAmount,
    DescribedCurrency,
    DescribedMerchant,
    DescribedMetadata,
    DescribedReference,
    DescribedTime,
)
from txplatform.contracts.fields import (
    AmountOrZero,
    BodyId,
    CurrencyCode,
    idempotency_key,
    null_as,
)
from txplatform.domain.advices import Clearing, Correction, Direction, Refund

Presentment = Clearing | Refund | Correction


class PresentmentBody(AdviceBody):
    """A presentment: a clearing, a refund, or the correction of an earlier presentment."""

    COMMANDS: ClassVar = (Clearing, Refund, Correction)

    clearing_id: Annotated[BodyId, idempotency_key("clr-1")]
    direction: Annotated[
        Direction,
        null_as(Direction.DEBIT, Direction),
        Field(description="`debit` raises what is owed, `credit` lowers it."),
    ] = Direction.DEBIT
    reverses_clearing_id: Annotated[
        BodyId | None,
        Field(description="The `clearing_id` of the presentment that this one takes back."),
    ] = None
    currency: CurrencyCode
    final: Annotated[
        StrictBool,
        null_as(True, bool),
        Field(description="True if no more clearings follow; releases the rest of the hold."),
    ] = True
    amount: Annotated[
        AmountOrZero,
        Field(
            description="The amount to post, minor units. 0 is allowed for a final debit: it ends "
            "the hold and posts nothing."
        ),
    ]
    occurred_at: DescribedTime = None
    merchant: DescribedMerchant = None
    original_amount: DescribedAmount = None
    original_currency: DescribedCurrency = None
    reference: DescribedReference = None
    metadata: DescribedMetadata = None

    @field_validator("amount", mode="after")
    @classmethod
    def _zero_only_ends_a_hold(cls, amount: int, info: ValidationInfo) -> int:
        """Check amount 0 against the fields before it; one that is invalid is reported itself."""
        of_a_final_debit = {
            "direction": Direction.DEBIT,
            "reverses_clearing_id": None,
            "final": True,
        }
        valid = info.data
        if amount == 0 and any(
            valid[name] != value for name, value in of_a_final_debit.items() if name in valid
        ):
            raise ValueError("may be 0 only for a final debit that takes nothing back")
        return amount

    def to_command(self, **given: Any) -> Presentment:
        """Return a correction if the body takes a presentment back, else a clearing or a refund.

        Args:
            given: Fields that are not in the body, such as the account of a path.
        """
        if self.reverses_clearing_id is not None:
            return self.to_value(Correction, **given)
        of_corrections = ("direction", "reverses_clearing_id")
        match self.direction:
            case Direction.DEBIT:
                return self.to_value(Clearing, without=of_corrections, **given)
            case Direction.CREDIT:
                return self.to_value(
                    Refund,
                    without=(*of_corrections, "clearing_id"),
                    refund_id=self.clearing_id,
                    presented=True,
                    **given,
                )
            case _:
                assert_never(self.direction)
