"""Generators of clients can use every schema of the documents: forms, bounds, names, examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema
import orjson
import pytest

from harness.commands import ACCOUNT, purchase
from harness.documents import codes, document, table
from harness.streams import Stream
from txplatform.contracts.json_schemas import subschemas
from txplatform.eventstore.mapper import encode_event
from txplatform.publisher import TOPICS as OUTBOUND
from txplatform.publisher.dead_letters import DEAD_LETTER_TOPICS
from txplatform.schema_export import documents

Schema = dict[str, Any]

PUBLISHED = documents()
FORMS_OF_TEXT = {"maxLength", "enum", "const", "format"}


@cache
def read(name: str) -> Any:
    return orjson.loads(PUBLISHED[name])


def within(value: Any, place: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield every schema of a document with its place, wherever it stands."""
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from within(each, f"{place}/{index}")
    if not isinstance(value, dict):
        return
    if value.keys() & {"type", "$ref", "anyOf", "oneOf", "enum", "const"}:
        yield place, value
    for name, each in value.items():
        # A property may have the name of a keyword.
        if name not in {"examples", "example", "default"} or place.endswith("/properties"):
            yield from within(each, f"{place}/{name}")


def operations() -> Iterator[Schema]:
    for methods in read("openapi.json")["paths"].values():
        yield from methods.values()


def components() -> dict[str, Schema]:
    found: dict[str, Schema] = read("openapi.json")["components"]["schemas"]
    return found


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_integer_has_64_bits_and_bounds(name: str) -> None:
    integers = {place: each for place, each in within(read(name)) if each.get("type") == "integer"}
    assert integers or name == "asyncapi.json"
    for place, each in integers.items():
        assert each.get("format") == "int64", place
        assert -(2**63) <= each["minimum"] < each["maximum"] < 2**63, place
        assert isinstance(each["maximum"], int), place


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_text_has_a_longest_length_or_a_form(name: str) -> None:
    texts = {place: each for place, each in within(read(name)) if each.get("type") == "string"}
    assert texts
    assert [place for place, each in texts.items() if not each.keys() & FORMS_OF_TEXT] == []


def test_every_list_has_a_longest_length_or_grows_for_ever() -> None:
    """The size of the body limits the lists of a request."""
    assert {
        place
        for name, schema in components().items()
        for place, each in within(schema, name)
        if each.get("type") == "array" and "maxItems" not in each
    } == {
        "HoldDays/properties/by_category",
        "MerchantDeny/properties/merchants",
        "RuleSetResponse/properties/activations",
        "TransactionResponse/properties/events",
    }


@pytest.mark.parametrize("name", PUBLISHED)
def test_nothing_is_always_null(name: str) -> None:
    """Generators make a type of it that does not exist."""
    for place, each in within(read(name)):
        if each.get("type") == "null":
            assert re.search(r"/anyOf/[1-9]\d*$", place), place


@pytest.mark.parametrize("name", PUBLISHED)
def test_no_property_has_a_default(name: str) -> None:
    """The description says it. Generators of TypeScript would require the property."""
    for place, each in within(read(name)):
        for field, schema in each.get("properties", {}).items():
            assert "default" not in schema, f"{place}: {field}"


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_property_says_what_it_is(name: str) -> None:
    for place, each in within(read(name)):
        for field, schema in each.get("properties", {}).items():
            assert schema.keys() & {"description", "$ref", "const"} or field == "items", (
                f"{place}: describe {field} in the docstring of the class"
            )


def test_the_names_of_operations_are_different_and_in_snake_case() -> None:
    names = [each["operationId"] for each in operations()]
    assert len(set(names)) == len(names)
    assert [each for each in names if not re.fullmatch("[a-z]+(_[a-z]+)*", each)] == []
    assert {"process_transaction", "add_ruleset"} <= set(names)


def test_every_operation_is_in_a_group_that_is_described() -> None:
    described = {each["name"] for each in read("openapi.json")["tags"] if each["description"]}
    assert {tag for each in operations() for tag in each["tags"]} == described
    assert all("security" in each for each in operations())


def test_the_names_of_schemas_are_those_of_classes() -> None:
    assert [name for name in components() if not re.fullmatch("([A-Z][a-z]+)+", name)] == []


def test_every_union_of_objects_has_a_tag() -> None:
    unions = {name: each for name, each in components().items() if "oneOf" in each}
    assert {"ProcessTransactionResponse", "Cause", "Rule"} <= set(unions)
    for name, union in unions.items():
        mapping = union["discriminator"]["mapping"]
        assert [{"$ref": each} for each in mapping.values()] == union["oneOf"], name
        for constant, reference in mapping.items():
            tag = components()[reference.rpartition("/")[2]]["properties"]
            assert tag[union["discriminator"]["propertyName"]]["const"] == constant, name
    inline = [
        place
        for place, each in within(read("openapi.json"))
        if "oneOf" in each and place.count("/") > 3
    ]
    assert inline == []


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_example_fits_its_schema(name: str) -> None:
    whole = read(name)
    around = {key: whole[key] for key in ("$defs", "components") if key in whole}
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    for place, each in within(whole):
        for example in each.get("examples", ()):
            schema = {**around, **each}
            assert not [
                *jsonschema.Draft202012Validator(schema, format_checker=checker).iter_errors(
                    example
                )
            ], place


def test_the_schemas_of_messages_are_json_schemas() -> None:
    for name in PUBLISHED:
        if name.startswith("schemas/"):
            jsonschema.Draft202012Validator.check_schema(read(name))


def headers_of(topic: str) -> Schema:
    channel = read("asyncapi.json")["channels"][topic]
    headers: Schema = channel["messages"]["message"]["headers"]
    return headers


@pytest.mark.parametrize("topic", OUTBOUND)
def test_the_headers_of_a_published_message_are_described(topic: str) -> None:
    stream = Stream()
    stream.ask(purchase(ACCOUNT, "tx-1", 1250))
    (decided,) = stream.events
    record = OUTBOUND["transactions.transaction-decisioned.v1"].encode(
        7, decided.originator_id, 1, decided.TOPIC, encode_event(decided)
    )
    sent = {name: (value or b"").decode() for name, value in record.headers}
    properties = headers_of(topic)["properties"]
    assert sorted(headers_of(topic)["required"]) == sorted(sent)
    assert properties.keys() - sent.keys() == {"tracestate", "simulated"}  # not on every message
    assert properties["ce_type"]["const"] == topic
    # The test's events have other ids and traces.
    checked = sent.keys() - {"ce_type", "traceparent", "event_id", "ce_id"}
    for name in checked:
        jsonschema.validate(sent[name], properties[name])


@pytest.mark.parametrize("topic", DEAD_LETTER_TOPICS)
def test_the_headers_of_a_dead_letter_are_described(topic: str) -> None:
    rows = table(document("contracts.md"), "Dead letters", "Header")
    listed = {codes(name)[0]: parked == rejected == "yes" for name, _, parked, rejected in rows}
    headers = headers_of(topic)
    assert sorted(headers["properties"]) == sorted(listed)
    assert sorted(headers["required"]) == sorted(name for name, always in listed.items() if always)


def test_subschemas_leave_nothing_out() -> None:
    """A property may have the name of a keyword."""
    schema = {
        "properties": {"items": {"type": "integer"}, "default": {"anyOf": [{"type": "null"}]}},
        "items": {"additionalProperties": {"type": "string"}, "prefixItems": [{}]},
    }
    assert len([*subschemas(schema)]) == 7
