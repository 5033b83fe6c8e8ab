"""The interface of a rule, and the loop that asks all rules."""

from __future__ import annotations

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
    """Something that can refuse a purchase."""

    RULE: ClassVar[str]
    """Its name in JSON and in the documentation."""

    def observe(self, case: Case, /) -> Observed:
        """Measure what the rule is about; None if the rule does not apply."""

    def refusal(self, case: Case, observed: Any, /) -> Reason | None:
        """Return why the observed value is refused; None if it is allowed."""


Check = tuple[str, Callable[[Case], Observed], Callable[[Case, Any], Reason | None]]
"""A rule's name and its two methods, looked up once for all decisions."""


class ConfigurableRule(Parametrized, ABC):
    """A rule that a rule set or an account's controls turn on; a frozen dataclass.

    Its fields are its parameters, here and in JSON.
    """

    __slots__ = ()

    RULE: ClassVar[str]
    """Its name in JSON and in the documentation."""

    CODE: ClassVar[ReasonCode]
    """The reason it refuses with."""

    REFUSES: ClassVar[str]
    """The purchases it refuses, for the table in docs/rules.md."""

    EXAMPLE: ClassVar[Mapping[str, Any]]
    """Parameters as in JSON, for the documentation and tests."""

    @abstractmethod
    def sentence(self) -> str:
        """Describe the purchases it refuses, for people."""

    @abstractmethod
    def observe(self, case: Case, /) -> Observed:
        """Measure what the rule is about; None if the rule does not apply."""

    @abstractmethod
    def refusal(self, case: Case, observed: Any, /) -> Reason | None:
        """Return why the observed value is refused; None if it is allowed."""

    def oddities(self) -> Iterator[str]:
        """Warn of parameters that look like a mistake, whatever the other rules are."""
        for field, parameter in self.PARAMETERS.items():
            yield from parameter.oddities(getattr(self, field))

    def refuses_all_of(self, other: Self) -> bool:
        """Return whether it refuses everything that another rule of its kind refuses."""
        return all(
            parameter.at_least_as_strict(getattr(self, field), getattr(other, field))
            for field, parameter in self.PARAMETERS.items()
        )


@dataclass(frozen=True, slots=True)
class Judgement:
    """The result of asking the rules.

    Attributes:
        reasons: Every refusal, most important first; empty when the purchase is approved.
        observed: What each rule measured, by the rule's name, in the order the rules were asked.
    """

    reasons: tuple[Reason, ...]
    observed: Mapping[str, Observed]


def names_of(rules: Iterable[Rule], prefix: str = "") -> list[str]:
    """Name rules that are asked together, for events and reports.

    A rule has the name of its kind. Those of one kind that follow are numbered from 2, in their
    order: `amount_limit`, `amount_limit-2`. Rule sets never change, so the names stay too.
    """
    counts: Counter[str] = Counter()
    names = []
    for rule in rules:
        counts[rule.RULE] += 1
        number = counts[rule.RULE]
        names.append(f"{prefix}{rule.RULE}" + (f"-{number}" if number > 1 else ""))
    return names


def checks_of(rules: Sequence[Rule], prefix: str = "") -> tuple[Check, ...]:
    """Return the rules as `ask` wants them, with the names of `names_of`."""
    return tuple(
        (name, rule.observe, rule.refusal)
        for name, rule in zip(names_of(rules, prefix), rules, strict=True)
    )


def ask(checks: Iterable[Check], case: Case) -> Judgement:
    """Ask every rule, so that a decline names every reason."""
    observed: dict[str, Observed] = {}
    reasons: list[Reason] = []
    for name, observe, refusal in checks:
        observed[name] = value = observe(case)
        if value is not None and (reason := refusal(case, value)) is not None:
            reasons.append(reason)
    return Judgement(most_important_first(reasons) if reasons else (), observed)
