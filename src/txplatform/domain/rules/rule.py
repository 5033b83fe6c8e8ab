"""The interface of rules, and the evaluation of rules for a purchase."""

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
        """Return the reason to decline the purchase; None if the observed value is allowed."""


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
        """Return a sentence that describes the rule."""

    @abstractmethod
    def observe(self, case: Case, /) -> Observed:
        """Return the value that the rule limits; None if the rule does not apply."""

    @abstractmethod
    def refusal(self, case: Case, observed: Any, /) -> Reason | None:
        """Return the reason to decline the purchase; None if the observed value is allowed."""

    def oddities(self) -> Iterator[str]:
        """Return warnings about parameters that are likely mistakes."""
        for field, parameter in self.PARAMETERS.items():
            yield from parameter.oddities(getattr(self, field))

    def refuses_all_of(self, other: Self) -> bool:
        """Return whether this rule refuses every purchase that `other` refuses."""
        return all(
            parameter.at_least_as_strict(getattr(self, field), getattr(other, field))
            for field, parameter in self.PARAMETERS.items()
        )


@dataclass(slots=True)  # not frozen: created for every decision, and freezing triples the cost
class Judgement:
    """The result of evaluating all rules for a purchase.

    Attributes:
        reasons: The reasons to decline, most important first; empty if the purchase is approved.
        observed: The value that each rule observed, by the rule's name, in order of evaluation.
    """

    reasons: tuple[Reason, ...]
    observed: Mapping[str, Observed]


def names_of(rules: Iterable[Rule], prefix: str = "") -> list[str]:
    """Return a unique name for each rule, for use in events and reports.

    The second rule of a kind has the suffix `-2`, as in `amount_limit-2`, and so on. Rule sets
    never change, so the names are permanent.
    """
    counts: Counter[str] = Counter()
    names = []
    for rule in rules:
        counts[rule.RULE] += 1
        number = counts[rule.RULE]
        names.append(f"{prefix}{rule.RULE}" + (f"-{number}" if number > 1 else ""))
    return names


def checks_of(rules: Sequence[Rule], prefix: str = "") -> tuple[Check, ...]:
    """Return one check for each rule, named by `names_of`."""
    return tuple(
        (name, rule.observe, rule.refusal)
        for name, rule in zip(names_of(rules, prefix), rules, strict=True)
    )


def ask(checks: Iterable[Check], case: Case) -> Judgement:
    """Evaluate every check, even after one declines, so that a decline lists all reasons."""
    observed: dict[str, Observed] = {}
    reasons: list[Reason] = []
    for name, observe, refusal in checks:
        observed[name] = value = observe(case)
        if value is not None and (reason := refusal(case, value)) is not None:
            reasons.append(reason)
    return Judgement(most_important_first(reasons) if reasons else (), observed)
