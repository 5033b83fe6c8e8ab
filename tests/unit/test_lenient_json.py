"""The JSON of advices: a flaw in one member harms no other member."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.descriptions import FLAWED, Written, repeated, written
from harness.inbound import (
    OPENED,
    PRESENTED,
    STATUS_CHANGED,
    SUBMITTED,
    Body,
    opened,
    payment,
    presentment,
    status_changed,
)
from txplatform.consumers.parsing import Rejection, read_message
from txplatform.contracts.clearing_batch import ClearingBatchBody
from txplatform.contracts.json import (
    NotJsonError,
    RepeatingObject,
    Unreadable,
    parse_lenient_json,
    parse_strict_json,
)
from txplatform.contracts.settlement import RefundRequest
from txplatform.domain.commands import Command
from txplatform.domain.flags import Flag
from txplatform.inbox.message import ReceivedMessage

BODIES = [
    (OPENED, opened("acc-1")),
    (STATUS_CHANGED, status_changed("frozen", 1)),
    (SUBMITTED, payment("p", "acc-1")),
    (PRESENTED, presentment("c")),
]


def read(topic: str, body: bytes) -> Command | Rejection:
    """Return the command of a message for `acc-1`, or its rejection."""
    message = ReceivedMessage("cluster", topic, "", 0, 0, None, b"acc-1", (), body)
    return read_message(message).command


TOO_LARGE = ["1e400", "-1e400", "9" * 5000, "-" + "9" * 5000, "9" * 400 + ".5"]

_json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(_json_values)
def test_both_parsers_agree_on_json_without_flaws(value: object) -> None:
    data = json.dumps(value).encode()
    assert repr(parse_lenient_json(data)) == repr(parse_strict_json(data))


@pytest.mark.parametrize("text", TOO_LARGE)
def test_a_number_that_is_too_large_is_unreadable(text: str) -> None:
    value = parse_lenient_json(f'{{"a": {text}, "b": 1}}'.encode())
    assert value == {"a": Unreadable("is a number that is too large", (text,)), "b": 1}


def test_a_repeated_key_is_unreadable_and_the_other_keys_are_read() -> None:
    value = parse_lenient_json(b'{"a": 1, "b": {"c": 1, "\\u0063": 2, "d": 3}, "a": 4}')
    assert value.repeated == {"a"}
    assert value["a"].sent == (1, 4)
    assert isinstance(value["b"], RepeatingObject)
    assert (value["b"]["c"].sent, value["b"]["d"]) == ((1, 2), 3)


@given(st.integers(1, 3000), st.integers(), st.sampled_from(['"]}\\""', "1"]))
def test_json_of_any_depth_is_read_and_its_other_members_are_intact(
    depth: int, seed: int, inner: str
) -> None:
    brackets = random.Random(seed).choices("[{", k=depth)
    begins = "".join("[0, " if each == "[" else '{"x": "[", "y": ' for each in brackets)
    ends = "".join("]" if each == "[" else "}" for each in reversed(brackets))
    value = parse_lenient_json(f'{{"a": 1, "deep": {begins}{inner}{ends}, "b": [2]}}'.encode())
    assert (value["a"], value["b"], type(value["deep"])) == (
        *(1, [2]),
        list if brackets[0] == "[" else dict,
    )


@pytest.mark.parametrize("depth", [31, 32, 33, 64, 65, 3000])
@pytest.mark.parametrize("inner", ["", "x", "1 2", "NaN", "'a'", '"\\x"', "]", "[1}", '{"a"}'])
def test_what_is_not_json_is_refused_at_any_depth(depth: int, inner: str) -> None:
    for data in (
        '{"a":' * depth + (inner or ",") + "}" * depth,
        "[" * depth + (inner or "1,") + "]" * depth,
        "[" * depth + inner + "]" * (depth - 2),
        "[" * depth + '"\\"' * 1000,
    ):
        with pytest.raises(NotJsonError):
            parse_lenient_json(data.encode())


@pytest.mark.parametrize(("topic", "body"), BODIES)
@pytest.mark.parametrize("value", [*FLAWED, repeated("score")])
def test_an_ignored_member_of_a_message_may_have_any_value(
    topic: str, body: Body, value: Written
) -> None:
    plain = read(topic, written(body))
    assert not isinstance(plain, Rejection)
    assert read(topic, written({**body, "score": value})) == plain
    assert read(topic, written({"extension": {"score": value}, **body})) == plain


@pytest.mark.parametrize(("topic", "body"), BODIES)
def test_a_flawed_checked_member_of_a_message_is_named(topic: str, body: Body) -> None:
    (name,) = {"credit_limit", "status", "amount"} & body.keys()
    for value in FLAWED:
        refused = read(topic, written({**body, name: value}))
        assert isinstance(refused, Rejection)
        assert (refused.reason, refused.detail.partition(":")[0]) == ("schema_violation", name)
    assert read(topic, written({**body, name: repeated(name)})) == Rejection(
        "not_json", "A key is repeated within an object."
    )


@pytest.mark.parametrize("envelope", ["data", "data_base64"])
def test_the_data_of_a_structured_event_may_have_flaws_too(envelope: str) -> None:
    body = written({**payment("p", "acc-1"), "reference": Written("1e400")})
    data: Any = Written(body.decode()) if envelope == "data" else base64.b64encode(body).decode()
    attributes = {"specversion": "1.0", "id": "1", "source": "/s", "type": SUBMITTED}
    command = read(SUBMITTED, written({**attributes, envelope: data, "extension": FLAWED[2]}))
    assert getattr(command, "flags", None) == (Flag.DESCRIPTION_INCOMPLETE,)


@pytest.mark.parametrize("field", ["merchant", "metadata"])
def test_a_repeated_name_makes_the_whole_object_that_describes_unreadable(field: str) -> None:
    value = Written('{"name": "a", "id": "b", "name": "c"}')
    command = read(PRESENTED, written({**presentment("c"), field: value}))
    assert getattr(command, field) is None
    assert getattr(command, "flags", None) == (Flag.DESCRIPTION_INCOMPLETE,)


def test_a_request_with_an_advice_may_repeat_only_what_describes() -> None:
    """An unknown member is refused, so it must not be repeated either."""
    body = {"refund_id": "r", "amount": 1, "currency": "USD"}
    RefundRequest.parse(written({**body, "reference": repeated("reference")}))
    for name in ("amount", "unknown"):
        with pytest.raises(NotJsonError):
            RefundRequest.parse(written({**body, name: repeated(name)}))
    with pytest.raises(NotJsonError):
        ClearingBatchBody.parse(b'{"items": [], "items": []}')
