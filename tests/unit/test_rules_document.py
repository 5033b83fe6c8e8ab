"""docs/rules.md matches the code: every rule, parameter, reason, field 39 and default."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from txplatform.contracts.rules_document import with_rules
from txplatform.contracts.rulesets import MAX_CONTROLS_ENTRIES, parse_ruleset
from txplatform.domain.activity import LONGEST_WINDOW
from txplatform.domain.reasons import ReasonCode
from txplatform.domain.rules import ALWAYS, CONFIGURABLE, ConfigurableRule
from txplatform.domain.rules.cash_like import CASH_LIKE
from txplatform.domain.rules.lint import MAX_WARNINGS, lint
from txplatform.domain.rules.parameters import json_name
from txplatform.domain.rulesets import MAX_HOLD_DAYS, MAX_RULES, USUAL_HOLD_DAYS

TEXT = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")


def row_of(rule: str) -> str:
    """Return the table row of a rule."""
    (row,) = re.findall(rf"^\| `{rule}` \|.*$", TEXT, re.MULTILINE)
    return str(row)


def test_the_generated_parts_are_up_to_date() -> None:
    """If this test fails, run `make schemas`."""
    assert with_rules(TEXT) == TEXT


@pytest.mark.parametrize("rule", CONFIGURABLE, ids=lambda rule: rule.RULE)
def test_every_rule_is_documented(rule: type[ConfigurableRule]) -> None:
    """Each row has the rule's parameters, reason and field 39."""
    row = row_of(rule.RULE)
    parameters = map(json_name, rule.PARAMETERS)
    assert re.findall(r"`([a-z_]+)`", row) == [rule.RULE, *parameters, rule.CODE.value]
    assert row.endswith(f"| {rule.CODE.response_code} |")


def test_the_rules_that_are_always_on_are_documented() -> None:
    """Each reason has its field 39. The reason that only declines increments belongs to no rule."""
    rows = [line for line in TEXT.splitlines() for rule in ALWAYS if f"| `{rule.RULE}` |" in line]
    configurable = {rule.CODE for rule in CONFIGURABLE}
    for code in ReasonCode:
        if code not in configurable and code is not ReasonCode.NO_OPEN_HOLD:
            (row,) = [row for row in rows if f"`{code.value}`" in row]
            assert row.endswith(f"| {code.response_code} |")


def test_the_example_can_be_used_as_it_stands() -> None:
    """The example parses, has the usual hold days, and the one warning that the text explains."""
    (example,) = re.findall(r"^```json\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    ruleset = parse_ruleset(example.encode())
    assert ruleset.id == "retail@3"
    (warning,) = lint(ruleset)
    assert warning.startswith("rules[3] (merchant_deny) lets a purchase pass if")
    for code in (f"{number:04d}" for number in range(10_000)):
        assert ruleset.hold_days.of(code) == USUAL_HOLD_DAYS.of(code)


def test_the_defaults_and_bounds_are_documented() -> None:
    assert f"({', '.join(CASH_LIKE)})" in row_of("cash_like")
    assert f"1 to {LONGEST_WINDOW} (30 days)" in TEXT
    assert f"1 to {MAX_HOLD_DAYS} days" in TEXT
    assert f"at most {MAX_RULES} rules" in TEXT
    assert f"at most {MAX_CONTROLS_ENTRIES:,} entries in all" in TEXT
    assert f"the first {MAX_WARNINGS} of its warnings" in TEXT
    for hold in USUAL_HOLD_DAYS.by_category:
        (row,) = [row for row in TEXT.splitlines() if re.search(rf"\| {hold.days} \|", row)]
        assert all(entry in row for entry in hold.categories)
