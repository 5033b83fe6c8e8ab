"""The base class of the bodies of advices, whose describing fields are cleaned, never refused."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import ConfigDict, Field, ModelWrapValidatorHandler, PrivateAttr, model_validator
from typing_extensions import override

from txplatform.contracts.body import Body
from txplatform.contracts.card_numbers import holds_card_number
from txplatform.contracts.cleaning import (
    CATEGORY_FORM,
    COUNTRY_FORM,
    CURRENCY_FORM,
    FREEZE_REASON_FORM,
    MAX_ID,
    MAX_METADATA_KEY,
    MAX_METADATA_KEYS,
    MAX_METADATA_VALUE,
    MAX_TEXT,
    URL_ID_FORM,
    Cleaner,
    clean_amount,
    clean_code,
    clean_freeze_reason,
    clean_merchant,
    clean_metadata,
    clean_reference,
    clean_text,
    clean_time,
    clean_transaction_id,
)
from txplatform.contracts.fields import MetadataForm
from txplatform.contracts.json import REPEATED, NotJsonError, parse_lenient_json, repeated_keys
from txplatform.contracts.json_schemas import Documented
from txplatform.domain.account_command import FlaggedCommand
from txplatform.domain.flags import Flag
from txplatform.domain.money import MAX_AMOUNT
from txplatform.domain.requests import Merchant
from txplatform.domain.status import FreezeReason

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Describes:
    """Marks a field as describing: `clean` makes its value valid."""

    clean: Cleaner


class AdviceBody(Body):
    """The body of an advice, or its part in the body of a batch."""

    _cleaners: ClassVar[Mapping[str, Cleaner]]
    _complete: bool = PrivateAttr(default=True)

    @override
    @classmethod
    def __pydantic_init_subclass__(cls, **settings: Any) -> None:
        super().__pydantic_init_subclass__(**settings)
        cls._cleaners = {
            name: mark.clean
            for name, field in cls.model_fields.items()
            for mark in field.metadata
            if isinstance(mark, Describes)
        }

    @model_validator(mode="wrap")
    @classmethod
    def _clean(cls, sent: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(sent, dict):
            return handler(sent)
        cleaned = {name: clean(sent[name]) for name, clean in cls._cleaners.items() if name in sent}
        body = handler({**sent, **{name: each.value for name, each in cleaned.items()}})
        body._complete = all(each.complete for each in cleaned.values())  # noqa: SLF001
        return body

    @override
    @classmethod
    def parse(cls, data: bytes) -> Any:
        """Parse the JSON of a body. What cannot be read harms no other field."""
        value = parse_lenient_json(data)
        cls.refuse_repeats(value)
        return value

    @classmethod
    def refuse_repeats(cls, sent: object) -> None:
        """Check that no key of a sent body is repeated, except keys that describe or are ignored.

        Raises:
            NotJsonError: A key is repeated.
        """
        if not (repeated := repeated_keys(sent)):
            return
        repeated -= cls._cleaners.keys()
        if cls.model_config.get("extra") == "ignore":
            repeated &= cls.model_fields.keys()
        if repeated:
            raise NotJsonError(REPEATED)

    @classmethod
    def losses(cls, sent: Mapping[str, Any]) -> dict[str, bool]:
        """Return the describing fields of a sent body that cleaning would not keep as they are.

        The value is True if nothing of the field would be kept, and False if a part would.
        """
        cleaned = {name: clean(sent[name]) for name, clean in cls._cleaners.items() if name in sent}
        return {name: each.value is None for name, each in cleaned.items() if not each.complete}

    @override
    def to_value(self, kind: type[Value], *, without: Iterable[str] = (), **given: Any) -> Value:
        """Convert the body to a command, as `Body.to_value`, with the flags of its description."""
        value = super().to_value(kind, without=without, **given)
        assert isinstance(value, FlaggedCommand)
        flags = () if self._complete else (Flag.DESCRIPTION_INCOMPLETE,)
        if any(map(holds_card_number, _ids_of(value))):
            flags = (*flags, Flag.ID_LIKE_CARD_NUMBER)
        return value.flagged(*flags) if flags else value


def _ids_of(command: FlaggedCommand) -> Iterator[str]:
    for name in command.__struct_fields__:
        if name.endswith("_id") or name == "reference":
            value = getattr(command, name)
            if value is not None:
                yield value


class AdviceRequest(AdviceBody):
    """The body of an advice over HTTP. Unknown members are refused, as in requests."""

    model_config = ConfigDict(extra="forbid")


class PresentedMerchant(Body):
    """The merchant where the card was used. What cannot be read is null."""

    VALUE: ClassVar = Merchant

    model_config = ConfigDict(extra="ignore")

    id: Annotated[
        Annotated[str, Documented(maxLength=MAX_ID)] | None,
        Field(description="The id given by the acquirer.", examples=["m-17"]),
    ] = None
    name: Annotated[
        Annotated[str, Documented(maxLength=MAX_TEXT)] | None,
        Field(description="The name on the statement.", examples=["Corner Books"]),
    ] = None
    category_code: Annotated[
        Annotated[str, Documented(pattern=f"^{CATEGORY_FORM}$", maxLength=4)] | None,
        Field(description="ISO 18245 merchant category code.", examples=["5942"]),
    ] = None
    country: Annotated[
        Annotated[str, Documented(pattern=f"^{COUNTRY_FORM}$", maxLength=3)] | None,
        Field(description="ISO 3166-1 alpha-3 country code.", examples=["USA"]),
    ] = None


_RFC3339 = {"type": "string", "format": "date-time"}

DescribedTime = Annotated[
    datetime | None,
    Describes(clean_time),
    Field(
        description="A business time, RFC 3339. A date is the beginning of its day; without an "
        "offset it is UTC; what cannot be read is null.",
        examples=["2026-11-20T10:15:00Z"],
        json_schema_extra={"anyOf": [_RFC3339, {"type": "null"}]},
    ),
]

DescribedText = Annotated[
    Annotated[str, Documented(maxLength=MAX_TEXT)] | None,
    Describes(clean_text),
    Field(description=f"Text for people; cleaned, and cut after {MAX_TEXT} characters."),
]

DescribedFreezeReason = Annotated[
    Annotated[str, Documented(pattern=f"^{FREEZE_REASON_FORM}$", maxLength=40)] | None,
    Describes(clean_freeze_reason),
    Field(
        description="At most 40 letters, digits and `_` `.` `-`. Of a freeze, "
        f"{', '.join(f'`{each}`' for each in FreezeReason)}, read without regard to case, set the "
        "response code of declines. Any other code is kept, and the response code is 62.",
        examples=["lost"],
    ),
]

DescribedReference = Annotated[
    Annotated[str, Documented(maxLength=MAX_ID)] | None,
    Describes(clean_reference),
    Field(
        description=f"An ARN, RRN or order number; cleaned, and cut after {MAX_ID} characters. "
        "It is not compared in repeats.",
        examples=["74537606325000000000001"],
    ),
]

DescribedMetadata = Annotated[
    MetadataForm | None,
    Describes(clean_metadata),
    Field(
        description=f"Up to {MAX_METADATA_KEYS} keys of at most {MAX_METADATA_KEY} characters, "
        f"each with a text of at most {MAX_METADATA_VALUE}; not for personal data. "
        "It is not compared in repeats.",
        examples=[{"batch": "B-12"}],
    ),
]

DescribedMerchant = Annotated[
    PresentedMerchant | None,
    Describes(clean_merchant),
    Field(description="The merchant; null or absent if unknown."),
]

DescribedAmount = Annotated[
    Annotated[int, Documented(minimum=0, maximum=MAX_AMOUNT)] | None,
    Describes(clean_amount),
    Field(description="Minor units of `original_currency`.", examples=[1150]),
]

DescribedCurrency = Annotated[
    Annotated[str, Documented(pattern=f"^{CURRENCY_FORM}$", maxLength=3)] | None,
    Describes(clean_code(CURRENCY_FORM)),
    Field(description="A currency code of three capital letters.", examples=["EUR"]),
]


DescribedTransactionId = Annotated[
    Annotated[str, Documented(pattern=f"^{URL_ID_FORM}$", minLength=1, maxLength=MAX_ID)] | None,
    Describes(clean_transaction_id),
    Field(
        description="Null or absent if the purchase was never authorized. An id that cannot be "
        "read counts as absent.",
        examples=["tx-1001"],
    ),
]
