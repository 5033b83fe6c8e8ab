"""What a rule is, and the loop that asks all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from txplatform.domain.reasons import Reason, ReasonCode, most_important_first
from txplatform.domain.rules.case import Case

Observed = int | str | None
Check = tuple[Callable[[Case], Observed], Callable[[Case, Any], Reason | None]]
"""A rule's two methods, looked up once for all decisions."""


class Rule(Protocol):
    """Something that can refuse a purchase."""

    RULE: ClassVar[str]
    """Its name in JSON and in the documentation."""

    def observe(self, case: Case, /) -> Observed:
        """Measure what the rule is about; None where the rule does not apply."""

    def refusal(self, case: Case, observed: Any, /) -> Reason | None:
        """Why what was observed is refused; None where it is allowed."""


class ConfigurableRule(Rule, Protocol):
    """A rule that a rule set or an account's controls turn on; a frozen dataclass.

    Its fields are its parameters, here and in JSON; those that `__init__` does not take are
    made from the others.
    """

    CODE: ClassVar[ReasonCode]
    """The reason it refuses with."""

    def sentence(self) -> str:
        """What it refuses, for people."""


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
