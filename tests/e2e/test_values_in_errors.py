"""No error repeats a value that was sent, and a request refuses a card number in any text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from harness.api import RunningApi
from txplatform.domain.rules import CONFIGURABLE

CARD = "4111111111111111"
TEXT = "marker-of-a-test"
NUMBER = 731_907_551_903_377_201
MARKERS: tuple[Any, ...] = (TEXT, NUMBER, CARD, [TEXT], {"a": NUMBER}, f"{TEXT}\n{CARD}")

ADVICES = ("clearings", "refunds", "reversals")
"""The last steps of the paths that take advices, which refuse no text."""

RULESET = {
    "name": "walk",
    "version": 1,
    "description": "Every rule.",
    "hold_days": {"default": 7, "by_category": [{"categories": ["7011"], "days": 3}]},
    "rules": [{"rule": rule.RULE, **rule.EXAMPLE} for rule in CONFIGURABLE],
}

Place = tuple[str | int, ...]


def bodies(api: RunningApi) -> Iterator[tuple[str, str, Any]]:
    """Yield the method, the path and the example body of each call that takes a body."""
    document = api.client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if "requestBody" not in operation:
                continue
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            name = schema.get("$ref", "").rpartition("/")[2]
            body = document["components"]["schemas"][name]["examples"][0] if name else RULESET
            yield method, path, body


def leaves(value: Any, *place: str | int) -> Iterator[tuple[Place, Any]]:
    """Yield the place and the value of everything within a JSON value that has no members."""
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from leaves(member, *place, name)
    elif isinstance(value, list) and value:
        for number, member in enumerate(value):
            yield from leaves(member, *place, number)
    else:
        yield place, value


def replaced(value: Any, place: Place, other: Any) -> Any:
    """Return a JSON value with another value at a place."""
    if not place:
        return other
    copy: Any = [*value] if isinstance(value, list) else {**value}
    copy[place[0]] = replaced(value[place[0]], place[1:], other)
    return copy


def markers_in(text: str) -> list[str]:
    """Return the markers that a text has."""
    return [marker for marker in (TEXT, str(NUMBER), CARD) if marker in text]


@pytest.mark.long
def test_no_error_repeats_a_value_of_a_body(own_api: RunningApi, subtests: pytest.Subtests) -> None:
    tried = 0
    for method, path, body in bodies(own_api):
        url = path.replace("{ruleset_id}", "none@1").replace("{message_id}", "1")
        url = re.sub(r"\{\w+\}", "nobody", url)
        for place, _ in leaves(body):
            with subtests.test(call=f"{method} {path}", place=place):
                for marker in MARKERS:
                    answer = own_api.client.request(method, url, json=replaced(body, place, marker))
                    if answer.status_code >= 400:
                        assert not markers_in(answer.text)
                    if isinstance(marker, str) and CARD in marker and not exempt(path, place):
                        assert answer.status_code == 422, answer.text
                tried += 1
    assert tried > 100


def exempt(path: str, place: Place) -> bool:
    """Return whether a card number may stand here: in an advice, or as the id of a merchant."""
    return path.endswith(ADVICES) or place == ("merchant", "id") or "merchants" in place


def test_no_error_repeats_an_id_of_a_path(api: RunningApi, subtests: pytest.Subtests) -> None:
    for path, operations in api.client.get("/openapi.json").json()["paths"].items():
        for method, operation in operations.items():
            ids = {
                "ruleset_id": f"{CARD}@1",
                **dict.fromkeys(("account_id", "transaction_id", "shadowing_id"), f"id-{CARD}"),
                "message_id": CARD,
            }
            url = path.format(**ids)
            if operation["security"] and url != path:
                with subtests.test(call=f"{method} {path}"):
                    answer = api.client.request(method, url, json={"reason": "Because."})
                    assert answer.status_code in {404, 422}
                    assert CARD not in answer.text
