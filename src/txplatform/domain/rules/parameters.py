"""Kinds of rule parameters: their validation, comparison and description.

A rule annotates each field with a kind, such as `max_amount: PurchaseAmount`. Parsing, storage,
diff, lint and documentation use the kind, so new rules need no changes there.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, ClassVar, get_type_hints

from typing_extensions import override

from txplatform.domain.activity import LONGEST_WINDOW, VelocityScope
from txplatform.domain.money import MAX_AMOUNT

MAX_COUNT = 1_000_000
"""The largest number of purchases that a velocity rule can allow in its window."""

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


class ParameterError(ValueError):
    """A parameter of a rule or rule set is invalid.

    Attributes:
        field: The parameter's name in JSON, with the index of the entry if it is a list.
        problem: What is wrong, without the value, which could be a card number.
        others: What else is wrong with the parameters of the same rule.
    """

    def __init__(self, field: str, problem: str, others: "tuple[ParameterError, ...]" = ()) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field
        self.problem = problem
        self.others = others


class Parameter:
    """A kind of parameter. This base class accepts every value and compares by equality."""

    selects_purchases = False
    """True if the parameter selects purchases; False if it sets how strict the rule is."""

    @property
    def note(self) -> str:
        """The documentation's note on the allowed values; empty if no note is needed."""
        return ""

    def problems(self, name: str, value: Any) -> Iterator[ParameterError]:
        """Return everything that is wrong with a value of the parameter's type."""
        del name, value
        return iter(())

    def canonical(self, value: Any) -> Any:
        """Return a valid value in its canonical form."""
        return value

    def written(self, value: Any) -> Any:
        """Return the value as plain data for JSON."""
        return value

    def at_least_as_strict(self, value: Any, than: Any) -> bool:
        """Return whether a rule with `value` refuses every purchase that it refuses with `than`."""
        return bool(value == than)

    def oddities(self, value: Any) -> Iterator[str]:
        """Return warnings about a valid value that is likely a mistake."""
        del value
        return iter(())

    def changes(self, name: str, old: Any, new: Any) -> Iterator[str]:
        """Describe a change from one value to another."""
        if old != new:
            yield f"{name} from {self._said(old)} to {self._said(new)}"

    @staticmethod
    def _said(value: Any) -> str:
        return "any" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Number(Parameter):
    """A whole number within bounds.

    Attributes:
        problem: The error text, a format string with `least` and `most`.
        higher_is_stricter: True for windows, False for limits.
        odd: A valid number that is likely a mistake, and the warning to give.
    """

    least: int
    most: int
    problem: str
    higher_is_stricter: bool = False
    selects_purchases: bool = False
    odd: tuple[int, str] | None = None

    @property
    @override
    def note(self) -> str:
        return "" if self.least else "0 or more"

    @override
    def problems(self, name: str, value: Any) -> Iterator[ParameterError]:
        if not self.least <= value <= self.most:
            problem = self.problem.format(least=self.least, most=self.most)
            yield ParameterError(name, problem)

    @override
    def at_least_as_strict(self, value: Any, than: Any) -> bool:
        return bool(value >= than if self.higher_is_stricter else value <= than)

    @override
    def oddities(self, value: Any) -> Iterator[str]:
        if self.odd is not None and value == self.odd[0]:
            yield self.odd[1]


class CurrencyCode(Parameter):
    """A parameter that restricts a rule to accounts in one currency (ISO 4217); None for all."""

    selects_purchases = True

    @override
    def problems(self, name: str, value: Any) -> Iterator[ParameterError]:
        if value is not None and not _CURRENCY.fullmatch(value):
            yield ParameterError(
                name,
                "is not an ISO 4217 code; write three capital letters, such as USD, or leave it "
                "out for accounts of any currency.",
            )

    @override
    def at_least_as_strict(self, value: Any, than: Any) -> bool:
        return value in (None, than)


@dataclass(frozen=True, slots=True)
class Choice(Parameter):
    """A member of an enumeration.

    Attributes:
        strictest: The member that makes a rule refuse the most; None if no member does.
    """

    kind: type[Enum]
    strictest: Enum | None = None
    selects_purchases: bool = False

    @override
    def problems(self, name: str, value: Any) -> Iterator[ParameterError]:
        try:
            self.kind(value)
        except ValueError:
            members = ", ".join(member.value for member in self.kind)
            yield ParameterError(name, f"is not known; write one of {members}.")

    @override
    def canonical(self, value: Any) -> Any:
        return self.kind(value)

    @override
    def at_least_as_strict(self, value: Any, than: Any) -> bool:
        return value is than or value is self.strictest


_AMOUNT_PROBLEM = "is not a valid limit; write minor units from {least} to {most}."
_NO_LARGER = (MAX_AMOUNT, "never refuses: no purchase can be larger than this limit.")

PurchaseAmount = Annotated[int, Number(1, MAX_AMOUNT, _AMOUNT_PROBLEM, odd=_NO_LARGER)]
"""The largest allowed amount of one purchase, minor units."""

PurchaseAmountOrNothing = Annotated[int, Number(0, MAX_AMOUNT, _AMOUNT_PROBLEM, odd=_NO_LARGER)]
"""Like `PurchaseAmount`, but can be 0, which refuses everything except account verifications."""

SpentAmount = Annotated[int, Number(1, MAX_AMOUNT, _AMOUNT_PROBLEM)]
"""The largest allowed sum of purchases, minor units."""

PurchaseCount = Annotated[
    int,
    Number(
        1,
        MAX_COUNT,
        "is not a valid number of purchases; write 1 to {most} (to allow none, deny the country, "
        "category or merchant).",
    ),
]

_SHORT_WINDOW = (
    "has a window of 1 minute, which is the resolution: the window may cover nearly 2 minutes."
)
WindowMinutes = Annotated[
    int,
    Number(
        1,
        LONGEST_WINDOW,
        "is not a valid window: purchases are kept for 30 days; write minutes from 1 to {most}.",
        higher_is_stricter=True,
        selects_purchases=True,
        odd=(1, _SHORT_WINDOW),
    ),
]

Currency = Annotated[str | None, CurrencyCode()]

Scope = Annotated[
    VelocityScope, Choice(VelocityScope, strictest=VelocityScope.ACCOUNT, selects_purchases=True)
]


class Parametrized:
    """The base class of frozen dataclasses that check their parameters on construction."""

    __slots__ = ()

    PARAMETERS: ClassVar[Mapping[str, Parameter]]
    """The kind of parameter for each field, in field order."""

    def __init_subclass__(cls) -> None:
        hints = get_type_hints(cls, include_extras=True).items()
        cls.PARAMETERS = {
            field: parameter
            for field, hint in hints
            for parameter in getattr(hint, "__metadata__", ())
            if isinstance(parameter, Parameter)
        }

    def __post_init__(self) -> None:
        problems = [
            problem
            for field, parameter in self.PARAMETERS.items()
            for problem in parameter.problems(json_name(field), getattr(self, field))
        ]
        if problems:
            first, *others = problems
            raise ParameterError(first.field, first.problem, tuple(others))
        for field, parameter in self.PARAMETERS.items():
            object.__setattr__(self, field, parameter.canonical(getattr(self, field)))
        self.check()

    def check(self) -> None:
        """Check that the parameters fit together.

        Raises:
            ParameterError: Parameters contradict each other.
        """


def json_name(field: str) -> str:
    """Return the JSON name of a field, such as `from` for `from_` (`from` is a Python keyword)."""
    return field.removesuffix("_")
