"""The two ways to parse a purchase: the fast one for usual bodies, and the model for all others."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txplatform.contracts.clean_purchase import parse_clean_purchase
from txplatform.contracts.process_transaction import EXAMPLE, parse_by_model
from txplatform.errors import TxPlatformError

_USUAL: dict[str, Any] = {
    name: EXAMPLE[name]
    for name in ("transaction_id", "account_id", "amount", "currency", "merchant")
}

_CHARACTERS = st.sampled_from(
    [*"aA1. -:_", *'\n"\\{}', "\x00", "\x7f", "é", "\u00a0", "\u200b", "\u2028", "\ud800", "😀"]
)
_TEXTS = st.text(_CHARACTERS, max_size=3) | st.sampled_from(
    ["4111111111111111", "x" * 64, "x" * 65, "n" * 200, "n" * 201, "..", "USD", "XXX", "5942", "٣٣"]
)
_VALUES = (
    st.none()
    | st.booleans()
    | _TEXTS
    | st.integers(-1, 3)
    | st.sampled_from([10**15, 10**18, 2**63, 2**64, 1.0, 1250.5, 1e30, [], {}, float("nan")])
)
_FIELDS = st.sampled_from(
    [
        *((name,) for name in (*_USUAL, "reference", "occurred_at", "metadata", "other")),
        *(("merchant", name) for name in ("id", "name", "category_code", "country", "other")),
    ]
)


@st.composite
def _bodies(draw: st.DrawFn) -> bytes:
    """A purchase with changed fields, as JSON with changed text."""
    body = {**_USUAL, "merchant": dict(_USUAL["merchant"])}
    for path in draw(st.lists(_FIELDS, max_size=3)):
        target = body.get("merchant") if len(path) > 1 else body
        if not isinstance(target, dict):
            continue
        if draw(st.booleans()):
            target[path[-1]] = draw(_VALUES)
        else:
            target.pop(path[-1], None)
    text = json.dumps(
        body,
        ensure_ascii=draw(st.booleans()),
        separators=draw(st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")])),
    )
    for old, new in draw(
        st.lists(
            st.sampled_from(
                [
                    ('"amount"', '"amount":1,"amount"'),
                    ('"amount"', '"amount" :1,"amount"'),
                    ('"amount"', '"am\\u006funt"'),
                    ('"name"', '"name":"a:b","name"'),
                    ("1250", "1250.0"),
                    ("1250", "01250"),
                    ("1250", "1.25e3"),
                    ("USD", "\\u0055SD"),
                    ("Corner", "\\ud83d\\ude00"),
                    ("Corner", "\\ud83d"),
                    ("}", "} "),
                    ("}", "}x"),
                    ("{", "\ufeff{"),
                ]
            ),
            max_size=2,
        )
    ):
        text = text.replace(old, new, 1)
    data = text.encode("utf-8", "surrogatepass")
    return data.replace(b"Corner", b"Corn\xff") if draw(st.integers(0, 20)) == 0 else data


@given(_bodies())
def test_the_fast_way_parses_as_the_model_does_or_leaves_the_body_to_it(body: bytes) -> None:
    fast = parse_clean_purchase(body)
    if fast is not None:
        assert fast == parse_by_model(body)


@pytest.mark.parametrize("id_", ["tx-1001", "a:b", ".-_"])
@pytest.mark.parametrize("name", ["Corner Books", "Café: das Buch", "«Ок»"])
def test_a_usual_purchase_is_parsed_the_fast_way(id_: str, name: str) -> None:
    merchant = {**_USUAL["merchant"], "name": name}
    body = json.dumps({**_USUAL, "transaction_id": id_, "merchant": merchant}).encode()
    assert parse_clean_purchase(body) == parse_by_model(body)


@pytest.mark.parametrize("absent", ["id", "category_code", "country"])
def test_a_purchase_at_a_merchant_of_which_something_is_unknown_is_parsed(absent: str) -> None:
    merchant = {**_USUAL["merchant"], absent: None}
    body = json.dumps({**_USUAL, "merchant": merchant}).encode()
    assert parse_clean_purchase(body) == parse_by_model(body)


def test_a_body_that_the_model_refuses_is_left_to_it() -> None:
    for field, value in (("currency", "ABC"), ("amount", -1), ("account_id", "4111111111111111")):
        body = json.dumps({**_USUAL, field: value}).encode()
        assert parse_clean_purchase(body) is None
        with pytest.raises(TxPlatformError):
            parse_by_model(body)


def test_a_body_that_is_nested_too_deeply_is_left_to_the_model() -> None:
    assert parse_clean_purchase(b'{"merchant":' * 5000 + b"1" + b"}" * 5000) is None
