"""Rule sets as data: their JSON, hash, hold days, warnings and differences."""

from __future__ import annotations

import json
import pickle
from dataclasses import fields
from typing import Any

import jsonschema
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.rule_cases import AccountSeen, buying, codes, judged
from txplatform.contracts.countries import COUNTRIES
from txplatform.contracts.json import NotJsonError
from txplatform.contracts.json_schemas import complete
from txplatform.contracts.ruleset_schema import rule_schemas
from txplatform.contracts.rulesets import (
    InvalidRuleSetError,
    canonical_json,
    content_hash,
    controls_from_json,
    parse_ruleset,
    ruleset_from_json,
    ruleset_to_json,
)
from txplatform.domain.activity import VelocityScope
from txplatform.domain.currencies import CURRENCIES
from txplatform.domain.rules import CONFIGURABLE, ConfigurableRule
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rules.cash_like import CashLike
from txplatform.domain.rules.category_lists import CategoryAllow, CategoryDeny
from txplatform.domain.rules.codes import CategoryCodes, CodeList, Codes, CountryCodes, MerchantIds
from txplatform.domain.rules.country_lists import CountryAllow, CountryDeny
from txplatform.domain.rules.differences import diff
from txplatform.domain.rules.lint import lint, shortened
from txplatform.domain.rules.merchant_deny import MerchantDeny
from txplatform.domain.rules.parameters import Choice, CurrencyCode, Number, Parameter, json_name
from txplatform.domain.rules.stored import rule_from_stored, rule_to_stored
from txplatform.domain.rules.unknown import Switch
from txplatform.domain.rules.velocity import VelocityAmount, VelocityCount
from txplatform.domain.rulesets import (
    DEFAULT_RULESET,
    USUAL_HOLD_DAYS,
    CategoryHold,
    Controls,
    HoldDays,
    RuleSet,
    controls_of,
)
from txplatform.rulebook.book import StoredRuleSet

_CATEGORIES = st.lists(
    st.integers(0, 99).map(lambda block: block * 100), min_size=1, max_size=5, unique=True
).flatmap(
    lambda firsts: st.tuples(
        *(st.sampled_from((f"{at:04d}", f"{at:04d}-{at + 99:04d}")) for at in firsts)
    )
)
_CODES: dict[type[Codes], st.SearchStrategy[tuple[str, ...]]] = {
    CategoryCodes: _CATEGORIES,
    CountryCodes: st.lists(
        st.sampled_from(sorted(COUNTRIES)), min_size=1, max_size=9, unique=True
    ).map(tuple),
    MerchantIds: st.just(("m-9", "m-10")),
}


def values(parameter: Parameter, example: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for a parameter; parameters of other kinds get the example."""
    match parameter:
        case Number(least=least, most=most):
            return st.integers(least, most)
        case CurrencyCode():
            return st.none() | st.sampled_from(sorted(CURRENCIES))
        case Choice(kind=kind):
            return st.sampled_from(kind)
        case Switch():
            return st.booleans()
        case CodeList(kind=kind, if_empty=if_empty):
            return _CODES[kind] | (st.just(()) if if_empty is None else st.nothing())
    return st.just(example)


def any_rule(rule: type[ConfigurableRule]) -> st.SearchStrategy[ConfigurableRule]:
    """Return a strategy for rules of this kind."""
    parameters = {
        field: values(parameter, rule.EXAMPLE.get(json_name(field)))
        for field, parameter in rule.PARAMETERS.items()
    }
    return st.builds(rule, **parameters)


RULES = st.one_of(*map(any_rule, CONFIGURABLE))
RULESETS = st.builds(
    RuleSet,
    st.just("retail"),
    st.integers(1, 99),
    st.sampled_from(("", "for shops")),
    st.lists(RULES, max_size=8, unique=True).map(tuple),
    st.sampled_from(
        (
            USUAL_HOLD_DAYS,
            HoldDays(3),
            HoldDays(7, (CategoryHold(("5542",), 1),)),
            HoldDays(7, extended_by_increments=False),
        )
    ),
)


@given(RULESETS)
def test_a_rule_set_is_the_same_after_its_json_is_parsed(ruleset: RuleSet) -> None:
    """The hash is the same too."""
    again = parse_ruleset(canonical_json(ruleset))
    assert again == ruleset
    assert content_hash(again) == content_hash(ruleset)
    assert ruleset_from_json(json.loads(json.dumps(ruleset_to_json(ruleset)))) == ruleset


@given(RULESETS)
def test_a_rule_set_can_be_sent_to_another_process(ruleset: RuleSet) -> None:
    """A backtest sends rule sets to its worker processes."""
    again = pickle.loads(pickle.dumps(ruleset))
    assert again == ruleset
    assert len(again.checks) == len(ruleset.checks)


def test_equal_rule_sets_written_differently_have_the_same_hash() -> None:
    """The order within lists makes no difference, nor do explicit defaults."""
    one = {
        "name": "retail",
        "version": 1,
        "rules": [
            {"rule": "country_deny", "countries": ["PRK", "IRN"]},
            {"rule": "velocity_count", "window_minutes": 60, "max_count": 3},
        ],
    }
    other = {
        "rules": [
            {"countries": ["IRN", "PRK"], "rule": "country_deny"},
            {"rule": "velocity_count", "scope": "account", "max_count": 3, "window_minutes": 60},
        ],
        "description": "",
        "hold_days": ruleset_to_json(DEFAULT_RULESET)["hold_days"],
        "version": 1,
        "name": "retail",
    }
    assert content_hash(ruleset_from_json(one)) == content_hash(ruleset_from_json(other))
    changed = one | {"version": 2}
    assert content_hash(ruleset_from_json(one)) != content_hash(ruleset_from_json(changed))


FROZEN: list[tuple[dict[str, Any], str]] = [
    ({"rule": "country_allow", "countries": ["GBR"]}, "1c20cf719bc85ed5"),
    ({"rule": "country_deny", "countries": ["PRK"]}, "6de043efca7215a9"),
    ({"rule": "new_country", "max_amount": 1}, "dfdbfec0fa0611d1"),
    ({"rule": "category_allow", "categories": ["5942"]}, "73427ed5a207de9d"),
    ({"rule": "category_deny", "categories": ["7995"]}, "587a0188bf8d99fe"),
    ({"rule": "merchant_deny", "merchants": ["m-1"]}, "974f637dde60c77c"),
    ({"rule": "amount_limit", "max_amount": 1}, "3abb444f649bda34"),
    ({"rule": "cash_like", "max_amount": 1, "categories": ["6011"]}, "af623ae8dc89ff6e"),
    ({"rule": "velocity_amount", "window_minutes": 1, "max_amount": 1}, "b53a6d3afab1f37c"),
    ({"rule": "velocity_count", "window_minutes": 1, "max_count": 1}, "c89741bf6234148e"),
]


@pytest.mark.parametrize(("rule", "expected"), FROZEN, ids=lambda value: str(value)[:40])
def test_the_hash_of_a_stored_rule_never_changes(rule: dict[str, Any], expected: str) -> None:
    """If an existing hash changes, stored rule sets no longer match.

    Give a new parameter the default None, which is not stored.
    """
    frozen = {"name": "frozen", "version": 1, "hold_days": {"default": 7}, "rules": [rule]}
    assert content_hash(ruleset_from_json(frozen))[:16] == expected


def test_the_hash_of_every_rule_is_frozen() -> None:
    frozen = {rule["rule"] for rule, _ in FROZEN}
    missing = [rule.RULE for rule in CONFIGURABLE if rule.RULE not in frozen]
    assert not missing, (
        f"append {missing} to FROZEN, each with its smallest parameters and the hash that the test"
        " above then prints"
    )


def test_the_hash_of_a_stored_rule_set_never_changes() -> None:
    """The hash depends on every rule and its position, so later rules are left out here."""
    every = {
        "name": "every-rule",
        "version": 1,
        "hold_days": {"default": 7},
        "rules": [rule for rule, _ in FROZEN[:10]],  # append new rules after the first ten
    }
    assert (
        content_hash(ruleset_from_json(every))
        == "3d10ca50a7542ccf669ccffdd8f8139faeda7cb3995770845c3aa1272bd42326"
    )


RETAIL: dict[str, Any] = {"name": "retail", "version": 1}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([], "The value: must be a group of named fields."),
        ({"version": 1}, "name: is missing."),
        (RETAIL | {"name": "Retail!"}, "name: cannot be part of an id;"),
        (
            RETAIL | {"rules": [1] * 201},
            "rules: are 201, too many for one decision; write at most 200.",
        ),
        (
            RETAIL | {"rules": [{"rule": "category_deny", "categories": [7995] * 101}]},
            "rules[0]: has 101 problems, too many to list;",
        ),
        (RETAIL | {"version": 0}, "version: is out of range: versions are counted from 1;"),
        (RETAIL | {"version": True}, "version: must be a whole number."),
        (RETAIL | {"version": "1"}, "version: must be a whole number."),
        (RETAIL | {"owner": "me"}, "owner: is not known here; leave it out."),
        (RETAIL | {"description": "a\u0000"}, "description: is too long or has control"),
        (RETAIL | {"rules": {}}, "rules: must be a list."),
        (RETAIL | {"rules": ["x"]}, "rules[0]: must be a group of named fields."),
        (RETAIL | {"rules": [{}]}, "rules[0].rule: is missing; write one of amount_limit,"),
        (RETAIL | {"rules": [{"rule": "x"}]}, "rules[0].rule: is not a rule;"),
        (RETAIL | {"rules": [{"rule": []}]}, "rules[0].rule: is not a rule;"),
        (
            RETAIL | {"rules": [{"rule": "amount_limit"}]},
            "rules[0].max_amount: is missing.",
        ),
        (
            RETAIL | {"rules": [{"rule": "amount_limit", "max_amount": 1.0}]},
            "rules[0].max_amount: must be a whole number of minor units: 12.50 USD is 1250.",
        ),
        (
            RETAIL | {"rules": [{"rule": "amount_limit", "max_amount": 10**40}]},
            "rules[0]",
        ),
        (
            RETAIL | {"rules": [{"rule": "amount_limit", "max_amount": 1, "limit": 1}]},
            "rules[0].limit: is not known here; leave it out.",
        ),
        (
            RETAIL | {"rules": [{"rule": "category_deny", "categories": ["7995"], "codes": []}]},
            "rules[0].codes: is not known here; leave it out.",
        ),
        (
            RETAIL | {"rules": [{"rule": "velocity_count", "window_minutes": 0, "max_count": 3}]},
            "rules[0].window_minutes: is not a valid window: purchases are kept for 30 days;",
        ),
        (
            RETAIL | {"rules": [{"rule": "country_deny", "countries": ["GBR", "XXX"]}]},
            "rules[0].countries[1]: is not an ISO 3166-1 alpha-3 country.",
        ),
        (
            RETAIL | {"rules": [{"rule": "amount_limit", "max_amount": 1, "currency": "XXX"}]},
            "rules[0].currency: is not an ISO 4217 currency.",
        ),
        (
            RETAIL
            | {"rules": [{"rule": "country_deny", "countries": ["GBR"], "refuse_unknown": "yes"}]},
            "rules[0].refuse_unknown: must be true or false.",
        ),
        (
            RETAIL
            | {"rules": [{"rule": "country_allow", "countries": ["GBR"], "refuse_unknown": True}]},
            "rules[0].refuse_unknown: is not known here; leave it out.",
        ),
        (
            RETAIL | {"rules": [{"rule": "amount_limit", "max_amount": 1}] * 2},
            "rules[1]: repeats rules[0]; name each rule once.",
        ),
        (
            RETAIL | {"hold_days": {"by_category": [{"categories": ["1"], "days": 1}]}},
            "hold_days.by_category[0].categories[0]: is not a merchant category;",
        ),
        (RETAIL | {"hold_days": {"default": 0}}, "hold_days.default: is too short"),
        (
            RETAIL
            | {
                "hold_days": {
                    "by_category": [
                        {"categories": ["7011"], "days": 1},
                        {"categories": ["7000-7099"], "days": 2},
                    ]
                }
            },
            "hold_days.by_category[0]: names a category that by_category[1] names too;",
        ),
    ],
)
def test_an_invalid_rule_set_is_refused_and_the_place_is_named(value: object, problem: str) -> None:
    with pytest.raises(InvalidRuleSetError) as raised:
        ruleset_from_json(value)
    assert any(said.startswith(problem) for said in raised.value.problems), raised.value.problems
    assert "4111111111111111" not in str(raised.value)


def test_every_problem_is_named() -> None:
    """A person can then correct all problems at once."""
    with pytest.raises(InvalidRuleSetError) as raised:
        ruleset_from_json({"name": "x", "rules": [{"rule": "y"}, {"rule": "amount_limit"}]})
    assert [said.partition(":")[0] for said in raised.value.problems] == [
        "version",
        "rules[0].rule",
        "rules[1].max_amount",
    ]


def test_every_wrong_parameter_of_a_rule_is_named_with_the_entry_of_a_list() -> None:
    """Parameters of a wrong kind and parameters with a wrong value are named together."""
    rules = [
        {"rule": "country_deny", "countries": ["FRA", "fr", "DEU", "Germany is one"]},
        {"rule": "merchant_deny", "merchants": ["m" * 30, "m-1", "m" * 30], "refuse_unknown": 1},
        {"rule": "velocity_amount", "window_minutes": 0, "max_amount": 0, "currency": "pounds"},
        {"rule": "velocity_amount", "window_minutes": 0, "max_amount": 1.5, "scope": "shop"},
        {"rule": "amount_limit", "max_amount": 10**30},
    ]
    holds = {"by_category": [{"categories": ["1"], "days": 0}]}
    with pytest.raises(InvalidRuleSetError) as raised:
        ruleset_from_json({"name": "x", "version": 1, "rules": rules, "hold_days": holds})
    assert [said.partition(":")[0] for said in raised.value.problems] == [
        "hold_days.by_category[0].categories[0]",
        "hold_days.by_category[0].days",
        "rules[0].countries[1]",
        "rules[0].countries[3]",
        "rules[1].refuse_unknown",
        "rules[1].merchants[2]",
        "rules[2].window_minutes",
        "rules[2].max_amount",
        "rules[2].currency",
        "rules[3].max_amount",
        "rules[3].scope",
        "rules[3].window_minutes",
        "rules[4].max_amount",
    ]


def test_only_the_first_100_problems_are_named() -> None:
    """Describing thousands of problems would delay other requests."""
    rules = [{"rule": "amount_limit", "max_amount": 0, "unheard_of": 1}] * 200
    with pytest.raises(InvalidRuleSetError) as raised:
        controls_from_json({"rules": rules})
    assert len(raised.value.problems) == 100
    assert raised.value.problems[0].startswith("rules[0].")


def test_a_merchant_id_that_looks_like_a_card_number_can_be_denied() -> None:
    """Numeric ids of acceptors (ISO 8583 field 42) look like card numbers, and buy as well."""
    rule = {"rule": "merchant_deny", "merchants": ["4111111111111111"]}
    assert ruleset_from_json(RETAIL | {"rules": [rule]}).rules == (
        MerchantDeny(("4111111111111111",)),
    )


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("name", "4111111111111111"),
        ("name", "4111-1111-1111-1111"),
        ("description", "For 4111 1111 1111 1111"),
    ],
)
def test_a_card_number_is_refused_in_a_text(field: str, text: str) -> None:
    """It would stay for ever. A stored rule set that has one can still be read."""
    card = RETAIL | {field: text}
    with pytest.raises(InvalidRuleSetError, match=f"{field}: holds a card number;") as raised:
        parse_ruleset(orjson.dumps(card))
    assert text not in str(raised.value)
    stored = ruleset_from_json(card)
    assert StoredRuleSet(stored.id, canonical_json(stored), content_hash(stored)).read() == stored


def test_a_number_too_large_for_a_float_is_refused() -> None:
    """The number would become null, and a null currency means any currency."""
    with pytest.raises(NotJsonError, match="too large"):
        parse_ruleset(
            b'{"name": "a", "version": 1, "rules":'
            b' [{"rule": "amount_limit", "max_amount": 1, "currency": 1e400}]}'
        )


def test_a_repeated_key_is_refused() -> None:
    with pytest.raises(NotJsonError):
        parse_ruleset(b'{"name": "a", "name": "b", "version": 1}')


def test_controls_refuse_more_than_the_rule_set_and_are_the_same_after_parsing() -> None:
    """Controls refuse purchases that the rule set allows, but cannot allow more purchases."""
    controls = controls_from_json({"rules": [{"rule": "amount_limit", "max_amount": 500}]})
    assert controls == Controls((AmountLimit(500),))
    assert controls_of(controls.stored) is controls_of(controls.stored) == controls
    account = AccountSeen(controls=controls)
    assert codes(judged(account, buying(501), AmountLimit(900))) == ["amount_limit_exceeded"]
    assert codes(judged(account, buying(501), AmountLimit(100))) == ["amount_limit_exceeded"] * 2
    with pytest.raises(InvalidRuleSetError):
        controls_from_json({"rules": [], "name": "x"})


def test_the_lists_of_controls_are_bounded_but_not_when_stored() -> None:
    """A rule set may have longer lists, because it is not stored once for each account."""
    longest = {"rule": "merchant_deny", "merchants": [f"m-{number}" for number in range(999)]}
    one = {"rule": "country_deny", "countries": ["PRK"]}
    assert len(controls_from_json({"rules": [longest, one]}).rules) == 2
    two = {"rule": "category_deny", "categories": ["7800-7802", "7995"]}
    with pytest.raises(InvalidRuleSetError, match="rules: have lists with 1001 entries in total"):
        controls_from_json({"rules": [longest, two]})
    assert len(ruleset_from_json(RETAIL | {"rules": [longest, two]}).rules) == 2
    assert len(controls_of([longest, two]).rules) == 2


def codes_of_entries(categories: tuple[str, ...]) -> set[str]:
    """Return every category code of these entries."""
    return {
        f"{code:04d}" for entry in categories for code in range(int(entry[:4]), int(entry[-4:]) + 1)
    }


@given(_CATEGORIES, st.lists(st.integers(0, 9999), max_size=20))
def test_a_category_list_matches_its_codes_only(
    categories: tuple[str, ...], random: list[int]
) -> None:
    """The codes at and next to both ends of each entry are checked."""
    near = [
        int(end) + step for entry in categories for end in entry.split("-") for step in (-1, 0, 1)
    ]
    meant = codes_of_entries(categories)
    holds = HoldDays(7, (CategoryHold(categories, 3),))
    for code in {f"{number:04d}" for number in [*near, *random] if 0 <= number <= 9999}:
        denied = codes(judged(AccountSeen(), buying(category=code), CategoryDeny(categories)))
        allowed = codes(judged(AccountSeen(), buying(category=code), CategoryAllow(categories)))
        cash = codes(judged(AccountSeen(), buying(category=code), CashLike(1, categories)))
        assert [bool(denied), not allowed, bool(cash)] == [code in meant] * 3
        assert holds.of(code) == (3 if code in meant else 7)


@pytest.mark.parametrize("code", ["", "x", "59425", "59x2", "٥٩٤٢", "~~~~"])
def test_an_invalid_category_is_judged(code: str) -> None:
    """Old events may have any text as the category."""
    ranges = ("0000-0999", "5942", "9000-9999")
    rules = (CategoryDeny(ranges), CategoryAllow(ranges), CashLike(1, ranges))
    assert len(judged(AccountSeen(), buying(category=code), *rules).observed) == 7
    assert HoldDays(7, (CategoryHold(ranges, 3),)).of(code) in (3, 7)


@pytest.mark.parametrize(
    "holder",
    [
        CategoryAllow(("0000-0999", "1001-9999")),
        CategoryDeny(("0000-0999", "1001-9999")),
        CashLike(1, ("0000-0999", "1001-9999")),
        HoldDays(7, (CategoryHold(("0000-0999", "1001-9999"), 3),)),
    ],
)
def test_a_range_of_categories_stays_small_in_memory(holder: object) -> None:
    """Each account may have a hundred such ranges."""
    assert len(pickle.dumps(holder)) < 1000


@pytest.mark.parametrize(
    ("category", "days"),
    [("5942", 7), ("7011", 30), ("3501", 30), ("3500", 30), ("4411", 30), ("5542", 2), ("5541", 7)],
)
def test_holds_last_for_the_days_of_the_rule_set(category: str, days: int) -> None:
    """A rule set may replace the usual days."""
    assert DEFAULT_RULESET.hold_days.of(category) == days
    assert RuleSet("a", 1, hold_days=HoldDays(3)).hold_days.of(category) == 3


@pytest.mark.parametrize(
    ("rules", "warnings"),
    [
        ((), []),
        ((AmountLimit(9), AmountLimit(5, "USD"), CountryDeny(("PRK",), refuse_unknown=True)), []),
        (
            (CountryDeny(("PRK",)), CategoryDeny(("7995",)), MerchantDeny(("m-1",))),
            [
                "rules[0] (country_deny) lets a purchase pass if the merchant's country is unknown",
                "rules[1] (category_deny) lets a purchase pass if the merchant's category is",
                "rules[2] (merchant_deny) lets a purchase pass if the merchant's id is unknown",
            ],
        ),
        ((CountryAllow(("FRA", "GBR")), CountryDeny(("PRK",))), []),
        (
            (CountryDeny(("PRK",), refuse_unknown=True), CountryDeny(("IRN",))),
            [],
        ),
        (
            (CountryDeny(("IRN", "PRK"), refuse_unknown=True), CountryDeny(("IRN",))),
            ["rules[1] (country_deny) never refuses what rules[0] (country_deny) allows"],
        ),
        ((AmountLimit(10**15 - 1),), ["rules[0] (amount_limit) never refuses: no purchase"]),
        (
            (CategoryAllow(("0000-9999",)),),
            ["rules[0] (category_allow) refuses only unknown categories: it allows"],
        ),
        (
            (CategoryDeny(("0000-9999",), refuse_unknown=True),),
            ["rules[0] (category_deny) refuses every purchase: it denies"],
        ),
        (
            (CategoryDeny(("0000-9999",)),),
            [
                "rules[0] (category_deny) refuses every purchase whose category is known: it",
                "rules[0] (category_deny) lets a purchase pass if",
            ],
        ),
        ((VelocityCount(1, 1),), ["rules[0] (velocity_count) has a window of 1 minute"]),
        (
            (VelocityCount(60, 5), VelocityCount(120, 5)),
            ["rules[0] (velocity_count) never refuses what rules[1] (velocity_count) allows"],
        ),
        ((VelocityCount(60, 3), VelocityCount(120, 5)), []),
        (
            (VelocityCount(60, 5), VelocityCount(60, 5, VelocityScope.MERCHANT)),
            ["rules[1] (velocity_count) never refuses what rules[0]"],
        ),
        ((VelocityAmount(60, 5, currency="USD"), VelocityAmount(60, 9)), []),
        (
            (AmountLimit(9), VelocityAmount(60, 9, VelocityScope.COUNTRY)),
            ["rules[0] (amount_limit) never refuses what rules[1] (velocity_amount) allows"],
        ),
        (
            (AmountLimit(9), CashLike(9)),
            ["rules[1] (cash_like) never refuses what rules[0] (amount_limit) allows"],
        ),
        (
            (CashLike(9), CategoryDeny(("4829", "6000-6999"), refuse_unknown=True)),
            ["rules[0] (cash_like) never refuses what rules[1] (category_deny) allows"],
        ),
        (
            (CountryAllow(("FRA", "GBR")), CountryDeny(("FRA",))),
            ["rules[0] (country_allow) allows what rules[1] (country_deny) denies, such as FRA"],
        ),
        (
            (CategoryAllow(("5942",)), CategoryDeny(("5000-5999",))),
            ["rules[0] (category_allow) allows what rules[1] (category_deny) denies, such as 5942"],
        ),
        (
            (CountryAllow(("FRA",)), CountryAllow(("GBR",))),
            ["rules[0] (country_allow) and rules[1] (country_allow) have nothing in common"],
        ),
        (
            (MerchantDeny(("m-1",)), MerchantDeny(("m-1", "m-2"), refuse_unknown=True)),
            ["rules[0] (merchant_deny) never refuses what rules[1] (merchant_deny) allows"],
        ),
        (
            (CountryAllow(("FRA", "GBR")), CountryAllow(("GBR",))),
            ["rules[0] (country_allow) never refuses what rules[1] (country_allow) allows"],
        ),
    ],
)
def test_lint_warns_of_likely_mistakes(
    rules: tuple[ConfigurableRule, ...], warnings: list[str]
) -> None:
    """Each warning begins with the rule that it is about."""
    found = lint(RuleSet("test", 1, rules=rules))
    assert len(found) == len(warnings), found
    for warning, beginning in zip(found, warnings, strict=True):
        assert warning.startswith(beginning)


def test_lint_warns_of_a_money_rule_without_a_currency_if_accounts_have_several() -> None:
    ruleset = RuleSet("test", 1, rules=(AmountLimit(250_000), CashLike(9, currency="EUR")))
    assert lint(ruleset, {"EUR"}) == []
    (warning,) = lint(ruleset, {"JPY", "EUR"})
    assert warning == (
        "rules[0] (amount_limit) has no currency, so 250000 means 2,500.00 EUR and 250,000 JPY: "
        "write one rule for each currency."
    )


def test_only_the_first_100_warnings_are_reported() -> None:
    """The last line gives the number of remaining warnings."""
    every = lint(
        RuleSet(
            "test",
            1,
            rules=tuple(
                kind((f"{number + 1:04d}-9999",))
                for number in range(10)
                for kind in (CategoryAllow, CategoryDeny)
            ),
        )
    )
    assert len(every) == 190
    assert shortened(every) == [
        *every[:100],
        "There are 90 more warnings: fix these first.",
    ]
    assert shortened(every[:100]) == every[:100]


def test_differences_are_described_in_sentences() -> None:
    """A risk team reads them before it activates a rule set."""
    old = RuleSet(
        "retail",
        1,
        rules=(
            CountryDeny(("IRN", "PRK")),
            VelocityCount(60, 3, VelocityScope.MERCHANT),
            VelocityCount(1440, 20),
            CashLike(5000),
        ),
    )
    new = RuleSet(
        "retail",
        2,
        rules=(
            CountryDeny(("IRN", "SYR")),
            VelocityCount(1440, 30),
            VelocityCount(60, 3, VelocityScope.MERCHANT),
            AmountLimit(90_000, "GBP"),
        ),
        hold_days=HoldDays(5, (CategoryHold(("3351-3500", "7512-7513", "7519"), 30),)),
    )
    assert diff(old, old) == []
    fixed = RuleSet("a", 1, hold_days=HoldDays(extended_by_increments=False))
    assert diff(fixed, RuleSet("a", 2, hold_days=HoldDays())) == [
        "An approved increment extends the hold."
    ]
    assert diff(RuleSet("a", 1, hold_days=HoldDays()), fixed) == [
        "An approved increment no longer extends the hold."
    ]
    assert diff(old, new) == [
        (
            "Changed country_deny: countries gains SYR, countries loses PRK. "
            "Now: No purchase in IRN, SYR is allowed."
        ),
        (
            "Changed velocity_count: max_count from 20 to 30. "
            "Now: At most 30 purchases on the account within 1 day."
        ),
        "Added amount_limit: No purchase may be above 900.00 GBP.",
        (
            "Removed cash_like: No cash-like purchase (merchant categories "
            "4829, 6010, 6011, 6012, 6050, 6051, 6540) may be above 5000 "
            "minor units of the account's currency."
        ),
        "Holds last 5 days instead of 7.",
        "Holds in merchant category 3501-3999 last the default time instead of 30 days.",
        "Holds in merchant category 4411 last the default time instead of 30 days.",
        "Holds in merchant category 5542 last the default time instead of 2 days.",
        "Holds in merchant category 7011 last the default time instead of 30 days.",
    ]


def test_another_order_of_rules_is_a_difference() -> None:
    """Reasons with the same code follow the order of the rules."""
    one, other = AmountLimit(5), VelocityCount(60, 3)
    assert diff(RuleSet("a", 1, rules=(one, other)), RuleSet("a", 2, rules=(other, one))) == [
        "Only the order of the rules changes; the same purchases are refused."
    ]


def test_every_rule_has_a_schema_that_its_example_fits() -> None:
    schemas = rule_schemas()
    assert list(schemas) == [rule.RULE for rule in CONFIGURABLE]
    for rule in CONFIGURABLE:
        schema = schemas[rule.RULE]
        assert list(schema["properties"]) == ["rule", *map(json_name, rule.PARAMETERS)]
        names = [field.name for field in fields(rule)]  # type: ignore[arg-type]
        assert names == list(rule.PARAMETERS)
        (example,) = schema["examples"]
        jsonschema.validate(example, schema)
        assert rule_to_stored(rule_from_stored(example)).items() >= example.items()
        complete(schema)
        parameters = [name for name in schema["properties"] if name != "rule"]
        assert all(schema["properties"][name]["description"] for name in parameters)
    assert orjson.dumps(schemas)
