"""The fields of requests to the bank: words about each fault, exact numbers, no card numbers."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from stdnum import iban, luhn

from harness.bank import Bank, new_account, new_payment
from harness.descriptions import VALUES
from txbank.accounts.account import NewAccount, NewCreditLimit, NewStatus
from txbank.card_numbers import holds_card_number
from txbank.field_problems import describe
from txbank.fields import RequestBody
from txbank.notifications.subscription import NewSubscription
from txbank.payments.api import BouncedPayment, StaffDecision
from txbank.payments.payment import NewPayment
from txplatform.contracts import card_numbers as platform

CARD = "4111111111111111"
LIMIT = {"credit_limit": 1, "reason": "Asked for."}
STATUS = {"status": "frozen", "reason": "Lost."}

REQUESTS: list[tuple[type[RequestBody], dict[str, Any]]] = [
    (NewAccount, new_account()),
    (NewCreditLimit, {**LIMIT, "change_id": "c-1"}),
    (NewStatus, {**STATUS, "reason_code": "lost", "expected_version": 1, "change_id": "c-1"}),
    (NewPayment, new_payment("acc-1")),
    (StaffDecision, {"reason": "Known to us."}),
    (BouncedPayment, {"reason": "AC04"}),
    (
        NewSubscription,
        {
            "subscription_id": "s-1",
            "url": "https://example.org",
            "topics": ["transactions.hold-expired.v1"],
        },
    ),
]


def faults(kind: type[RequestBody], body: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with each field of a body."""
    try:
        kind.model_validate(body)
    except ValidationError as error:
        return {"/".join(map(str, each["loc"])): describe(each, body) for each in error.errors()}
    return {}


def test_every_request_is_tested() -> None:
    assert {kind for kind, _ in REQUESTS} | {type(NewAccount(**new_account()).holder)} == {
        *RequestBody.__subclasses__()
    }


values = st.sampled_from(VALUES) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(("kind", "good"), REQUESTS, ids=[kind.__name__ for kind, _ in REQUESTS])
def test_what_is_wrong_with_any_value_of_any_field_is_told_in_words_about_the_field(
    kind: type[RequestBody], good: dict[str, Any]
) -> None:
    assert faults(kind, good) == {}

    @given(st.sampled_from([*good, "colour"]), values)
    def check(name: str, value: object) -> None:
        for message in faults(kind, {**good, name: value}).values():
            assert re.match("is |has |holds |must ", message), message
            assert not re.search(r"[Ii]nput|String|Value error|\\|\^", message), message

    check()


@pytest.mark.parametrize(
    ("kind", "changed", "expected"),
    [
        (NewAccount, {"credit_limit": 12.5}, "must be a whole number of minor units: 12.50 EUR is"),
        (NewAccount, {"credit_limit": "5", "currency": "JPY"}, "minor units: 1250 JPY is 1250"),
        (NewAccount, {"credit_limit": True, "currency": "XXQ"}, "minor units: 12.50 USD is 1250"),
        (NewCreditLimit, {"credit_limit": None}, "is missing"),
        (NewCreditLimit, {"credit_limit": -1}, "must be at least 0"),
        (NewCreditLimit, {"credit_limit": 10**15}, "must be at most 999999999999999"),
        (NewCreditLimit, {"reason": " "}, "is empty"),
        (NewCreditLimit, {"reason": "x" * 201}, "has more characters than 200"),
        (NewCreditLimit, {"reason": "a\nb"}, "one line of text, without control characters"),
        (NewAccount, {"account_id": "a b"}, "1 to 64 letters A to Z or a to z, digits and . _"),
        (NewAccount, {"account_id": ".."}, "must not be . or .."),
        (NewCreditLimit, {"change_id": "a\nb"}, "must be 1 to 64 printable characters"),
        (NewStatus, {"status": "lost"}, "must be 'active', 'frozen' or 'closed'"),
        (NewStatus, {"colour": None}, "is not known here; leave it out"),
        (NewPayment, {"currency": "eur"}, "must be three capital letters"),
        (NewPayment, {"bank_account": "?"}, "must be an IBAN, or an account number of 4 to 42"),
        (NewPayment, {"bank_account": "DE89 3704"}, "is not a valid IBAN; check its digits"),
        (BouncedPayment, {"reason": "gone"}, "two capital letters and two digits, such as AC04"),
    ],
)
def test_a_fault_is_told_as_the_platform_tells_it(
    kind: type[RequestBody], changed: dict[str, Any], expected: str
) -> None:
    good = next(body for each, body in REQUESTS if each is kind)
    (message,) = faults(kind, {**good, **changed}).values()
    assert expected in message


@pytest.mark.parametrize("written", ["1250.0", "1.25e3", "12500E-1", "1250"])
def test_an_amount_with_a_zero_fraction_is_an_integer(
    accounts: httpx.Client, payments: httpx.Client, written: str
) -> None:
    opening, payment = new_account(credit_limit=0), new_payment("acc-1", amount=0)
    for client, path, body, name in (
        (accounts, "/v1/accounts", opening, "credit_limit"),
        (payments, "/v1/payments", payment, "amount"),
    ):
        content = json.dumps(body).replace(f'"{name}": 0', f'"{name}": {written}')
        response = client.post(path, content=content)
        assert response.status_code == 201, response.text
        assert response.json()[name] == 1250


@pytest.mark.parametrize("written", ["1250.00000000000001", "1250.5", "1e-9"])
def test_an_amount_that_is_no_integer_is_refused_with_an_example_in_its_currency(
    accounts: httpx.Client, written: str
) -> None:
    body = json.dumps(new_account(credit_limit=0, currency="JPY"))
    content = body.replace('"credit_limit": 0', f'"credit_limit": {written}')
    response = accounts.post("/v1/accounts", content=content)
    assert response.status_code == 422
    message = "must be a whole number of minor units: 1250 JPY is 1250"
    assert response.json()["errors"] == [{"pointer": "/credit_limit", "message": message}]


@pytest.mark.parametrize("written", ["1e999999", "NaN", "-Infinity"])
def test_a_number_that_json_or_floats_do_not_have_is_no_json(
    accounts: httpx.Client, written: str
) -> None:
    content = json.dumps(new_account(credit_limit=0)).replace(": 0", f": {written}")
    response = accounts.post("/v1/accounts", content=content)
    assert (response.status_code, response.json()["type"]) == (400, "/problems/not-json")


CARD_IN = [
    ("accounts", "/v1/accounts", new_account(CARD), "/account_id"),
    ("accounts", "/v1/accounts", new_account(f"acc-{CARD}"), "/account_id"),
    (
        "accounts",
        "/v1/accounts",
        new_account(holder={"name": "Ada 4111 1111 1111 1111", "email": "ada@example.org"}),
        "/holder/name",
    ),
    (
        "accounts",
        "/v1/accounts",
        new_account(holder={"name": "Ada", "email": f"{CARD}@example.org"}),
        "/holder/email",
    ),
    ("accounts", "/v1/accounts/a/credit-limit", {**LIMIT, "reason": CARD}, "/reason"),
    ("accounts", "/v1/accounts/a/credit-limit", {**LIMIT, "change_id": CARD}, "/change_id"),
    ("accounts", "/v1/accounts/a/status", {**STATUS, "reason": f"Lost {CARD}."}, "/reason"),
    ("payments", "/v1/payments", new_payment("a", CARD), "/payment_id"),
    ("payments", "/v1/payments", new_payment(CARD), "/account_id"),
    ("payments", "/v1/payments", new_payment("a", bank_account=CARD), "/bank_account"),
    (
        "payments",
        "/v1/payments",
        new_payment("a", bank_account="41 11 11 11 11 11 11 11"),
        "/bank_account",
    ),
    (
        "payments",
        "/v1/payments",
        new_payment("a", bank_account="4111 1111 1111 1111 99"),
        "/bank_account",
    ),
    ("payments", "/v1/payments/p/release", {"reason": CARD}, "/reason"),
    (
        "notifications",
        "/v1/subscriptions",
        {"url": f"https://example.org/{CARD}"},
        "/url",
    ),
]


@pytest.mark.parametrize(("service", "path", "body", "pointer"), CARD_IN)
def test_a_card_number_is_refused_wherever_it_stands_and_not_repeated(
    bank: Bank, service: str, path: str, body: dict[str, Any], pointer: str
) -> None:
    method = "PUT" if path.endswith(("credit-limit", "status")) else "POST"
    with bank.client(service) as client:
        response = client.request(method, path, json=body)
    message = "holds a card number; send a token instead"
    assert response.status_code == 422
    assert response.json()["errors"] == [{"pointer": pointer, "message": message}]
    assert CARD not in response.text


def test_an_iban_is_no_card_number_even_if_its_digits_are_those_of_one() -> None:
    bban = f"{CARD}00"
    account = f"DE{iban.calc_check_digits(f'DE00{bban}')}{bban}"
    for written in (account, " ".join(re.findall(".{1,4}", account))):
        assert faults(NewPayment, new_payment("acc-1", bank_account=written)) == {}
    assert holds_card_number(" ".join(re.findall(".{1,4}", bban)))


def card_number(chance: random.Random) -> str:
    """Return a random card number."""
    issuer = chance.choice(platform.ISSUER_RANGES)
    prefix = str(chance.randint(int(issuer.first), int(issuer.last)))
    rest = chance.choice(issuer.lengths) - len(prefix) - 1
    body = prefix + "".join(chance.choices("0123456789", k=rest))
    return body + luhn.calc_check_digit(body)


digits = st.integers(0, 10**20).map(str)
cards = st.integers(0, 2**32).map(lambda seed: card_number(random.Random(seed)))
grouped = cards.map(lambda number: " ".join(re.findall(".{1,4}", number)))
ibans = st.sampled_from(["DE89370400440532013000", "GB29NWBK60161331926819"])
pieces = st.one_of(digits, cards, grouped, ibans, st.uuids().map(str), st.text(max_size=4))


@given(st.lists(pieces, max_size=6), st.sampled_from(["", " ", "-"]))
def test_a_text_holds_a_card_number_if_the_platform_finds_one(
    parts: list[str], separator: str
) -> None:
    text = separator.join(parts)
    assert holds_card_number(text) == platform.holds_card_number(text)
