"""Every rule at its limits, and the order of reasons."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from harness.rule_cases import AccountSeen, buying, codes, judged
from txplatform.domain.activity import VelocityScope
from txplatform.domain.requests import Purchase
from txplatform.domain.rules import ALWAYS, CONFIGURABLE, ConfigurableRule
from txplatform.domain.rules.amount_limit import AmountLimit
from txplatform.domain.rules.cash_like import CashLike
from txplatform.domain.rules.category_lists import CategoryAllow, CategoryDeny
from txplatform.domain.rules.country_lists import CountryAllow, CountryDeny
from txplatform.domain.rules.merchant_deny import MerchantDeny
from txplatform.domain.rules.new_country import NewCountry
from txplatform.domain.rules.parameters import ParameterError
from txplatform.domain.rules.velocity import VelocityAmount, VelocityCount
from txplatform.domain.rulesets import Controls
from txplatform.domain.status import AccountStatus

DAY = 24 * 60
HOUR_AGO = timedelta(hours=1)


@pytest.mark.parametrize(
    ("rule", "purchase", "expected"),
    [
        (CountryAllow(("GBR", "FRA")), buying(country="FRA"), []),
        (CountryAllow(("GBR",)), buying(country="FRA"), ["country_not_allowed"]),
        (CountryAllow(("GBR",)), buying(0, country="FRA"), ["country_not_allowed"]),
        (CountryDeny(("FRA",)), buying(country="GBR"), []),
        (CountryDeny(("FRA",)), buying(country="FRA"), ["country_not_allowed"]),
        (CategoryAllow(("5900-5999", "4111")), buying(category="5900"), []),
        (CategoryAllow(("5900-5999", "4111")), buying(category="5999"), []),
        (CategoryAllow(("5900-5999",)), buying(category="6000"), ["merchant_category_not_allowed"]),
        (CategoryDeny(("7995",)), buying(category="7994"), []),
        (CategoryDeny(("7995",)), buying(0, category="7995"), ["merchant_category_not_allowed"]),
        (MerchantDeny(("m-2",)), buying(merchant="m-1"), []),
        (MerchantDeny(("m-2",)), buying(merchant="m-2"), ["merchant_not_allowed"]),
        (MerchantDeny(("A/7 *1",)), buying(merchant="A/7 *1"), ["merchant_not_allowed"]),
        (AmountLimit(1000), buying(1000), []),
        (AmountLimit(1000), buying(1001), ["amount_limit_exceeded"]),
        (AmountLimit(1000, "USD"), buying(1001), []),
        (AmountLimit(1000, "GBP"), buying(1001), ["amount_limit_exceeded"]),
        (CashLike(500), buying(501), []),
        (CashLike(500), buying(500, category="6011"), []),
        (CashLike(500), buying(501, category="6011"), ["amount_limit_exceeded"]),
        (CashLike(0), buying(0, category="6011"), []),
        (CashLike(500, ("5942",)), buying(501), ["amount_limit_exceeded"]),
        (CashLike(500, currency="USD"), buying(501, category="6011"), []),
        (NewCountry(500, ("FRA",)), buying(501), ["country_not_allowed"]),
        (NewCountry(500, ("GBR",)), buying(501), []),
        (NewCountry(500), buying(501), []),
        (VelocityCount(60, 1), buying(), []),
        (VelocityAmount(60, 999), buying(1000), ["velocity_amount_exceeded"]),
        (VelocityAmount(60, 1000), buying(1000), []),
        (VelocityAmount(60, 999, currency="USD"), buying(1000), []),
    ],
)
def test_a_rule_on_an_account_without_purchases(
    rule: ConfigurableRule, purchase: Purchase, expected: list[str]
) -> None:
    """The limit itself is allowed; one minor unit more is not."""
    assert codes(judged(AccountSeen(), purchase, rule)) == expected


@pytest.mark.parametrize(
    ("rule", "purchase", "expected"),
    [
        # an hour ago: 1000 at m-1, category 5942, GBR
        (VelocityCount(30, 1), buying(), []),
        (VelocityCount(60, 1), buying(), ["velocity_count_exceeded"]),
        (VelocityCount(60, 2), buying(), []),
        (VelocityCount(60, 1), buying(0), ["velocity_count_exceeded"]),
        (VelocityCount(60, 1, VelocityScope.MERCHANT), buying(), ["velocity_count_exceeded"]),
        (VelocityCount(60, 1, VelocityScope.MERCHANT), buying(merchant="m-2"), []),
        (
            VelocityCount(60, 1, VelocityScope.CATEGORY),
            buying(merchant="m-2"),
            ["velocity_count_exceeded"],
        ),
        (VelocityCount(60, 1, VelocityScope.CATEGORY), buying(category="6011"), []),
        (
            VelocityCount(60, 1, VelocityScope.COUNTRY),
            buying(category="6011"),
            ["velocity_count_exceeded"],
        ),
        (VelocityCount(60, 1, VelocityScope.COUNTRY), buying(country="FRA"), []),
        (VelocityAmount(60, 1500), buying(500), []),
        (VelocityAmount(60, 1500), buying(501), ["velocity_amount_exceeded"]),
        (VelocityAmount(60, 900), buying(0), []),
        (VelocityAmount(30 * DAY, 1500, VelocityScope.MERCHANT), buying(501, merchant="m-2"), []),
        (NewCountry(500), buying(501), []),
        (NewCountry(500), buying(500, country="FRA"), []),
        (NewCountry(500), buying(501, country="FRA"), ["country_not_allowed"]),
        (NewCountry(500, currency="USD"), buying(501, country="FRA"), []),
        (NewCountry(0), buying(0, country="FRA"), []),
    ],
)
def test_a_rule_an_hour_after_a_purchase(
    rule: ConfigurableRule, purchase: Purchase, expected: list[str]
) -> None:
    """The purchase being judged and the earlier purchase both count."""
    account = AccountSeen().bought(buying(), HOUR_AGO)
    assert codes(judged(account, purchase, rule)) == expected


@pytest.mark.parametrize(
    ("account", "purchase", "expected"),
    [
        (AccountSeen(), buying(), []),
        (AccountSeen(currency=None), buying(), ["account_not_found"]),
        (AccountSeen(status=AccountStatus.FROZEN), buying(0), ["account_frozen"]),
        (AccountSeen(status=AccountStatus.CLOSED), buying(), ["account_closed"]),
        (AccountSeen(currency="USD"), buying(9_999_999), ["currency_mismatch"]),
        (AccountSeen(credit_limit=1000), buying(1000), []),
        (AccountSeen(credit_limit=1000, posted=1), buying(1000), ["insufficient_credit"]),
        (AccountSeen(credit_limit=1000, pending=1), buying(1000), ["insufficient_credit"]),
        (AccountSeen(credit_limit=1000, posted=2000), buying(0), []),
    ],
)
def test_the_rules_that_are_always_on(
    account: AccountSeen, purchase: Purchase, expected: list[str]
) -> None:
    """These rules apply even if the rule set is empty."""
    assert codes(judged(account, purchase)) == expected


def test_the_already_posted_amount_of_a_purchase_is_added_back() -> None:
    """If the clearing arrives first, its amount must not count twice."""
    account = AccountSeen(credit_limit=1000, posted=900)
    assert codes(judged(account, buying(900))) == ["insufficient_credit"]
    assert codes(judged(account, buying(900), already_posted=900)) == []
    reason = judged(account, buying(1001), already_posted=900).reasons[0]
    assert (reason.observed, reason.limit) == (1001, 1000)
    assert reason.message == "The purchase of 10.01 GBP exceeds the available credit of 10.00 GBP."


AT_UNKNOWN = buying(merchant=None, category=None, country=None)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (CountryAllow(("GBR",)), ["country_not_allowed"]),
        (CountryDeny(("GBR",)), []),
        (CountryDeny(("GBR",), refuse_unknown=True), ["country_not_allowed"]),
        (CategoryAllow(("0000-9999",)), ["merchant_category_not_allowed"]),
        (CategoryDeny(("0000-9999",)), []),
        (CategoryDeny(("7995",), refuse_unknown=True), ["merchant_category_not_allowed"]),
        (MerchantDeny(("m-1",)), []),
        (MerchantDeny(("m-1",), refuse_unknown=True), ["merchant_not_allowed"]),
        (AmountLimit(999), ["amount_limit_exceeded"]),
        (CashLike(0, ("0000-9999",)), []),
        (NewCountry(0, ("FRA",)), []),
        (NewCountry(0), []),
        (VelocityCount(120, 1), ["velocity_count_exceeded"]),
        (VelocityAmount(120, 1), ["velocity_amount_exceeded"]),
        *(
            (rule(120, 1, scope), [])
            for scope in set(VelocityScope) - {VelocityScope.ACCOUNT}
            for rule in (VelocityCount, VelocityAmount)
        ),
    ],
)
def test_an_allow_rule_refuses_what_is_unknown_and_other_rules_do_not_apply_to_it(
    rule: ConfigurableRule, expected: list[str]
) -> None:
    """An hour ago there was one purchase at a known merchant, and one at an unknown merchant."""
    account = AccountSeen().bought(buying(), HOUR_AGO).bought(AT_UNKNOWN, HOUR_AGO)
    assert codes(judged(account, AT_UNKNOWN, rule)) == expected


@pytest.mark.parametrize(
    ("rule", "purchase"),
    [
        (CountryDeny(("FRA",), refuse_unknown=True), buying(merchant=None, category=None)),
        (CategoryDeny(("7995",), refuse_unknown=True), buying(merchant=None, country=None)),
        (MerchantDeny(("m-2",), refuse_unknown=True), buying(category=None, country=None)),
    ],
)
def test_a_deny_rule_refuses_only_the_unknown_that_it_is_about(
    rule: ConfigurableRule, purchase: Purchase
) -> None:
    assert codes(judged(AccountSeen(), purchase, rule)) == []


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            CountryAllow(("GBR",)),
            "Purchases in an unknown country, such as at Corner Books, are not allowed.",
        ),
        (
            CategoryDeny(("7995",), refuse_unknown=True),
            "Purchases in an unknown merchant category, such as at Corner Books, are not allowed.",
        ),
        (
            MerchantDeny(("m-2",), refuse_unknown=True),
            "Purchases at Corner Books (whose id is unknown) are not allowed.",
        ),
    ],
)
def test_the_message_says_that_something_is_unknown(rule: ConfigurableRule, message: str) -> None:
    (reason,) = judged(AccountSeen(), AT_UNKNOWN, rule).reasons
    assert (reason.message, reason.observed) == (message, "unknown")


def test_a_purchase_in_an_unknown_country_makes_no_country_known() -> None:
    account = AccountSeen().bought(AT_UNKNOWN, HOUR_AGO)
    assert codes(judged(account, buying(501, country="FRA"), NewCountry(500))) == []
    account.bought(buying(country="GBR"), HOUR_AGO)
    assert codes(judged(account, buying(501, country="FRA"), NewCountry(500))) == [
        "country_not_allowed"
    ]


EVERYTHING_WRONG = (
    # In reverse order of precedence, so that the reported order must differ from this order.
    VelocityCount(60, 1),
    VelocityAmount(60, 1),
    AmountLimit(1),
    MerchantDeny(("m-1",)),
    CategoryDeny(("5942",)),
    CountryDeny(("GBR",)),
)


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        (
            AccountSeen(currency=None),
            "account_not_found country merchant_category merchant velocity_count",
        ),
        (
            AccountSeen(status=AccountStatus.CLOSED, currency="USD"),
            "account_closed currency_mismatch country merchant_category merchant velocity_count",
        ),
        (
            AccountSeen(status=AccountStatus.FROZEN, credit_limit=1),
            (
                "account_frozen country merchant_category merchant "
                "amount_limit velocity_amount velocity_count insufficient_credit"
            ),
        ),
    ],
)
def test_every_reason_is_reported_most_important_first(account: AccountSeen, expected: str) -> None:
    """Reasons are in order of precedence, whatever the order of the rules."""
    suffixes = dict.fromkeys(("country", "merchant_category", "merchant"), "_not_allowed")
    suffixes |= dict.fromkeys(("amount_limit", "velocity_amount", "velocity_count"), "_exceeded")
    named = [code + suffixes.get(code, "") for code in expected.split()]
    account.bought(buying(), HOUR_AGO)
    assert codes(judged(account, buying(), *EVERYTHING_WRONG)) == named


def test_reasons_with_one_code_keep_the_order_of_rules_and_controls_come_last() -> None:
    """The order is stable, so repeating a decision gives the same result."""
    account = AccountSeen(controls=Controls((AmountLimit(7),)))
    judgement = judged(account, buying(), AmountLimit(9), CountryDeny(("GBR",)), AmountLimit(8))
    assert [(reason.response_code, reason.limit) for reason in judgement.reasons] == [
        ("57", None),
        ("61", 9),
        ("61", 8),
        ("61", 7),
    ]


def test_observed_values_have_their_rules_names_in_the_order_of_rules() -> None:
    """The observed value is None if a rule does not apply."""
    account = AccountSeen(posted=50, controls=Controls((VelocityCount(60, 5),)))
    account.bought(buying(), HOUR_AGO)
    judgement = judged(account, buying(), CashLike(5), VelocityAmount(60, 9000))
    assert judgement.reasons == ()
    assert list(judgement.observed.items()) == [
        ("account_opened", "opened"),
        ("account_status", "active"),
        ("currency", "GBP"),
        ("credit_limit", 1050),
        ("cash_like", None),
        ("velocity_amount", 2000),
        ("controls: velocity_count", 2),
    ]
    assert len(judgement.observed) == len(ALWAYS) + 3


def test_rules_of_one_kind_have_different_names() -> None:
    """Rules of one kind are numbered in order. Controls are numbered separately."""
    own = Controls((AmountLimit(7), AmountLimit(8)))
    rules = (AmountLimit(9), VelocityCount(60, 5), AmountLimit(10), AmountLimit(11))
    judgement = judged(AccountSeen(controls=own), buying(), *rules)
    assert list(judgement.observed)[len(ALWAYS) :] == [
        "amount_limit",
        "velocity_count",
        "amount_limit-2",
        "amount_limit-3",
        "controls: amount_limit",
        "controls: amount_limit-2",
    ]


def test_no_two_kinds_of_rule_have_one_name() -> None:
    """Names have no digits, so numbered names cannot be equal either."""
    names = [rule.RULE for rule in ALWAYS] + [rule.RULE for rule in CONFIGURABLE]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z_]+", name) for name in names)


def test_a_reason_has_the_observed_value_and_the_limit() -> None:
    """The numbers are for machines, and the message is for people."""
    account = AccountSeen().bought(buying(), HOUR_AGO)
    (reason,) = judged(account, buying(), VelocityCount(120, 1, VelocityScope.MERCHANT)).reasons
    assert (reason.response_code, reason.observed, reason.limit) == ("65", 2, 1)
    assert reason.message == "This is purchase 2 at merchant m-1 within 2 hours; the limit is 1."


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CountryAllow(()), "countries is empty, so it would refuse every purchase;"),
        (
            lambda: CountryDeny(("gbr",)),
            "countries[0] is not an ISO 3166-1 alpha-3",
        ),
        (
            lambda: CountryDeny(("GBR", "GBR")),
            "countries[1] names a code that countries[0] names too;",
        ),
        (lambda: CategoryDeny(("59",)), "categories[0] is not a merchant category;"),
        (lambda: CategoryDeny(("٥٩٤٢",)), "categories[0] is not a merchant category;"),
        (lambda: CategoryDeny(("5999-5900",)), "ends before it begins; write the lower code"),
        (
            lambda: CategoryDeny(("5942", "5900-5999")),
            "categories[0] names a code that categories[1] names too;",
        ),
        (
            lambda: CategoryDeny(("5942-5999", "5900-5942")),
            "categories[0] names a code that categories[1] names too;",
        ),
        (lambda: MerchantDeny((" m-1",)), "merchants[0] is not a merchant id"),
        (lambda: MerchantDeny(("",)), "merchants[0] is not a merchant id"),
        (lambda: AmountLimit(0), "max_amount is not a valid limit; write minor units from 1"),
        (lambda: AmountLimit(10**15), "max_amount is not a valid limit"),
        (lambda: AmountLimit(1, "pounds"), "currency is not an ISO 4217 code;"),
        (lambda: CashLike(-1), "max_amount is not a valid limit; write minor units from 0"),
        (lambda: CashLike(1, ()), "categories is empty, so nothing would count as cash;"),
        (lambda: NewCountry(-1), "max_amount is not a valid limit"),
        (lambda: NewCountry(1, ("UK",)), "home_countries[0] is not an ISO 3166-1 alpha-3 code;"),
        (lambda: VelocityCount(0, 1), "window_minutes is not a valid window: purchases are kept"),
        (lambda: VelocityCount(43_201, 1), "window_minutes is not a valid window"),
        (lambda: VelocityCount(60, 0), "max_count is not a valid number of purchases"),
        (lambda: VelocityAmount(60, 0), "max_amount is not a valid limit"),
    ],
)
def test_invalid_parameters_are_refused(make: object, message: str) -> None:
    """The error names the parameter and says what is allowed."""
    assert callable(make)
    with pytest.raises(ParameterError) as raised:
        make()
    assert message in str(raised.value)
    assert isinstance(raised.value, ValueError)
