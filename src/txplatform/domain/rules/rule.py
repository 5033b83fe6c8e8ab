"""The interface of rules, and the evaluation of all rules for a purchase."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

from txplatform.domain.reasons import Reason, ReasonCode, most_important_first
from txplatform.domain.rules.case import Case
from txplatform.domain.rules.parameters import Parametrized

Observed = int | str | None


class Rule(Protocol):
    """A check that can decline a purchase."""

    RULE: ClassVar[str]
    """The rule's name in JSON and in the documentation."""

    def observe(self, case: Case, /) -> Observed:
        """Return the value that the rule limits; None if the rule does not apply."""

    def refusal(self, case: Case, observed: Any, /) -> Reason | None:
        """Return the reason to decline the observed value; None if it is allowed."""


Check = tuple[str, Callable[[Case], Observed], Callable[[Case, Any], Reason | None]]
"""A rule's name, `observe` and `refusal`, looked up once instead of for every decision."""


class ConfigurableRule(Parametrized, ABC):
    """A rule that rule sets and controls can turn on.

    Subclasses are frozen dataclasses. Their fields are the rule's parameters in JSON.
    """

    __slots__ = ()

    RULE: ClassVar[str]
    """The rule's name in JSON and in the documentation."""

    CODE: ClassVar[ReasonCode]
    """The code of the reason for a decline by this rule."""

    REFUSES: ClassVar[str]
    """The refused purchases, for the table in docs/rules.md."""

    EXAMPLE: ClassVar[Mapping[str, Any]]
    """Example parameters in their JSON form, for documentation and tests."""

    @abstractmethod
    def sentence(self) -> str:
        """Describe the rule in a sentence for people."""

    @abstractmethod
    def observe(self, case: Case, /) -> Observed:
        """Return the value that the rule limits; None if the rule does not apply."""

    @abstractmethod
    def refusal(self, case: Case, observed: Any, /) -> Reason | None:
        """Return the reason to decline the observed value; None if it is allowed."""

    def oddities(self) -> Iterator[str]:
        """Return warnings about parameters that look like a mistake."""
        for field, parameter in self.PARAMETERS.items():
            yield from parameter.oddities(getattr(self, field))

    def refuses_all_of(self, other: Self) -> bool:
        """Return whether this rule refuses every purchase that `other` refuses."""
        return all(
            parameter.at_least_as_strict(getattr(self, field), getattr(other, field))
            for field, parameter in self.PARAMETERS.items()
        )


@dataclass(frozen=True, slots=True)
class Judgement:
    """The result of evaluating all rules for a purchase.

    Attributes:
        reasons: The reasons to decline, most important first; empty if the purchase is approved.
        observed: The value that each rule observed, by the rule's name, in the order of the rules.
    """

    reasons: tuple[Reason, ...]
    observed: Mapping[str, Observed]


def names_of(rules: Iterable[Rule], prefix: str = "") -> list[str]:
    """Return unique names for the rules of a rule set, for events and reports.

    Rules of the same kind are numbered from 2: `amount_limit`, `amount_limit-2`. Rule sets never
    change, so the names are permanent.
    """
    counts: Counter[str] = Counter()
    names = []
    for rule in rules:
        counts[rule.RULE] += 1
        number = counts[rule.RULE]
        names.append(f"{prefix}{rule.RULE}" + (f"-{number}" if number > 1 else ""))
    return names


def checks_of(rules: Sequence[Rule], prefix: str = "") -> tuple[Check, ...]:
    """Return the checks for rules, with names from `names_of`."""
    return tuple(
        (name, rule.observe, rule.refusal)
        for name, rule in zip(names_of(rules, prefix), rules, strict=True)
    )


def ask(checks: Iterable[Check], case: Case) -> Judgement:
    """Evaluate all checks for a purchase, so that a decline lists all reasons."""
    observed: dict[str, Observed] = {}
    reasons: list[Reason] = []
    for name, observe, refusal in checks:
        observed[name] = value = observe(case)
        if value is not None and (reason := refusal(case, value)) is not None:
            reasons.append(reason)
    return Judgement(most_important_first(reasons) if reasons else (), observed)
