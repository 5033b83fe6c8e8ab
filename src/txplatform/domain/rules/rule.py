"""The interface of rules, and the judgement of a purchase by all of them."""

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
"""A rule's name and its two methods, looked up once for all decisions."""


class ConfigurableRule(Parametrized, ABC):
    """A rule that a rule set or an account's controls turn on.

    Subclasses are frozen dataclasses. Their fields are the parameters, in JSON too.
    """

    __slots__ = ()

    RULE: ClassVar[str]
    """The rule's name in JSON and in the documentation."""

    CODE: ClassVar[ReasonCode]
    """The code of the rule's reason."""

    REFUSES: ClassVar[str]
    """The refused purchases, for the table in docs/rules.md."""

    EXAMPLE: ClassVar[Mapping[str, Any]]
    """Parameters as in JSON, for the documentation and tests."""

    @abstractmethod
    def sentence(self) -> str:
        """Describe the refused purchases, for people."""

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
        """Return whether the rule refuses everything that another rule of its kind refuses."""
        return all(
            parameter.at_least_as_strict(getattr(self, field), getattr(other, field))
            for field, parameter in self.PARAMETERS.items()
        )


@dataclass(frozen=True, slots=True)
class Judgement:
    """The result of judging a purchase.

    Attributes:
        reasons: The reasons to decline, most important first; empty if it is approved.
        observed: The value that each rule observed, by the rule's name, in the order of the rules.
    """

    reasons: tuple[Reason, ...]
    observed: Mapping[str, Observed]


def names_of(rules: Iterable[Rule], prefix: str = "") -> list[str]:
    """Return names for the rules of a rule set, for events and reports.

    A rule's name is that of its kind. Further rules of the kind are numbered in their order from 2:
    `amount_limit`, `amount_limit-2`. Rule sets never change, so the names are permanent.
    """
    counts: Counter[str] = Counter()
    names = []
    for rule in rules:
        counts[rule.RULE] += 1
        number = counts[rule.RULE]
        names.append(f"{prefix}{rule.RULE}" + (f"-{number}" if number > 1 else ""))
    return names


def checks_of(rules: Sequence[Rule], prefix: str = "") -> tuple[Check, ...]:
    """Return the checks of rules, with the names that `names_of` gives them."""
    return tuple(
        (name, rule.observe, rule.refusal)
        for name, rule in zip(names_of(rules, prefix), rules, strict=True)
    )


def ask(checks: Iterable[Check], case: Case) -> Judgement:
    """Judge a purchase by every rule, so that a decline names every reason."""
    observed: dict[str, Observed] = {}
    reasons: list[Reason] = []
    for name, observe, refusal in checks:
        observed[name] = value = observe(case)
        if value is not None and (reason := refusal(case, value)) is not None:
            reasons.append(reason)
    return Judgement(most_important_first(reasons) if reasons else (), observed)
