"""What a rule is, and the loop that asks all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
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
        """Measure what the rule is about; None where the rule does not apply."""

    def refusal(self, case: Case, observed: Any, /) -> Reason | None:
        """Why what was observed is refused; None where it is allowed."""


Check = tuple[Callable[[Case], Observed], Callable[[Case, Any], Reason | None]]
"""A rule's two methods, looked up once for all decisions."""


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
    """What it refuses, as the table in docs/rules.md has it."""

    EXAMPLE: ClassVar[Mapping[str, Any]]
    """Parameters as in JSON, for the documentation and tests."""

    @abstractmethod
    def sentence(self) -> str:
        """Say what it refuses, for people."""

    @abstractmethod
    def observe(self, case: Case, /) -> Observed:
        """Measure what the rule is about; None where the rule does not apply."""

    @abstractmethod
    def refusal(self, case: Case, observed: Any, /) -> Reason | None:
        """Say why what was observed is refused; None where it is allowed."""

    def oddities(self) -> Iterator[str]:
        """Warn of what looks like a mistake, whatever rules stand beside this one."""
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
    """What the rules said.

    Attributes:
        reasons: Every refusal, most important first; empty when the purchase is approved.
        observed: What each rule measured, in the order the rules were asked.
    """

    reasons: tuple[Reason, ...]
    observed: tuple[Observed, ...]


def checks_of(rules: tuple[Rule, ...]) -> tuple[Check, ...]:
    """The rules as `ask` wants them."""
    return tuple((rule.observe, rule.refusal) for rule in rules)


def ask(checks: tuple[Check, ...], case: Case) -> Judgement:
    """Ask every rule, so that a decline names every reason."""
    observed: list[Observed] = []
    reasons: list[Reason] = []
    for observe, refusal in checks:
        value = observe(case)
        observed.append(value)
        if value is not None and (reason := refusal(case, value)) is not None:
            reasons.append(reason)
    return Judgement(most_important_first(reasons) if reasons else (), tuple(observed))
