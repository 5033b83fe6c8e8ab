"""The tables of docs/contracts.md match the code."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.commands import ACCOUNT, purchase
from harness.documents import codes, document, first_codes
from harness.documents import table as document_table
from harness.streams import Stream
from txplatform.api.asyncapi import message_schemas
from txplatform.api_keys import Scope
from txplatform.cli import COMMANDS, main
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.contracts.messages import INBOUND
from txplatform.contracts.postings import PostingKind
from txplatform.contracts.problems import ProblemType
from txplatform.domain.commands.outcome import RefusalReason
from txplatform.domain.events import EVENT_TYPES
from txplatform.domain.flags import Flag
from txplatform.domain.money import MAX_AMOUNT, MAX_BALANCE
from txplatform.domain.reasons import ReasonCode
from txplatform.domain.transaction import TransactionState
from txplatform.eventstore.mapper import encode_event
from txplatform.inbox.message import REFUSED_BY_DATABASE
from txplatform.publisher import TOPICS as OUTBOUND
from txplatform.publisher.feed import Batch
from txplatform.schema_export import documents

ROOT = Path(__file__).parents[2]
TEXT = document("contracts.md")

NOT_OF_MESSAGES = {"account_closed", "hold_not_due", "no_open_hold", "transaction_id_reused"}
"""Rejection reasons of commands that no inbound topic carries."""

table = partial(document_table, TEXT)


def check(heading: str, written: Any, code: Any) -> None:
    """Check a table of docs/contracts.md, and say what to edit if it differs from the code."""
    if written != code:
        rows, parts = _parts(written), _parts(code)
        pytest.fail(
            f"Edit the table under {heading!r} in docs/contracts.md, which is written by hand."
            f" Missing or different: {[each for each in parts if each not in rows]}."
            f" Not in the code: {[each for each in rows if each not in parts]}."
            f" Otherwise only the order differs: {parts}."
        )


def _parts(table: Any) -> list[Any]:
    return [*table.items()] if isinstance(table, dict) else [*table]


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    """The OpenAPI document of the API."""
    document: dict[str, Any] = json.loads(documents()["openapi.json"])
    return document


def operations(openapi: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every operation under /v1."""
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/v1"):
                yield f"{method.upper()} {path}", operation


def resolved(openapi: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Resolve a reference to its schema, using the first of several alternatives."""
    schema = schema.get("oneOf", [schema])[0]
    name = schema.get("$ref", "").rpartition("/")[2]
    return resolved(openapi, openapi["components"]["schemas"][name]) if name else schema


def members(openapi: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    """Return the members of the JSON response, with their schemas; none for a stream."""
    content = operation["responses"]["200"]["content"].get("application/json")
    if content is None:
        return {}
    properties: dict[str, Any] = resolved(openapi, content["schema"])["properties"]
    return properties


def required_and_optional(schema: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return the names of an object's required and optional fields."""
    required = schema.get("required", [])
    return [*filter(required.__contains__, schema["properties"])], [
        name for name in schema["properties"] if name not in required
    ]


def test_every_call_is_listed_with_the_scope_that_its_route_asks_for(
    openapi: dict[str, Any],
) -> None:
    rows = [(*codes(call), *codes(scope)) for call, scope, _ in table("HTTP", "Call")]
    check(
        "HTTP",
        sorted(rows),
        sorted(
            (call, *operation["security"][0]["api-key"]) for call, operation in operations(openapi)
        ),
    )


def test_every_request_body_is_listed_with_its_fields(openapi: dict[str, Any]) -> None:
    """Required and optional fields are in the order of the schema."""
    rows = {
        codes(call)[0]: (codes(required), codes(optional))
        for call, required, optional in table("Request bodies", "Call")
    }
    bodies = {
        call: required_and_optional(
            resolved(openapi, operation["requestBody"]["content"]["application/json"]["schema"])
        )
        for call, operation in operations(openapi)
        if "requestBody" in operation
    }
    check("Request bodies", rows, bodies)


def test_every_list_is_listed_and_has_pages_of_one_form(openapi: dict[str, Any]) -> None:
    rows = {
        codes(call)[0]: (
            ["items", "next_cursor", *codes(further)],
            {"limit", "cursor", *codes(filters)},
            bounds,
        )
        for call, _, further, filters, bounds in table("Lists", "Call")
    }
    found = {}
    for call, operation in operations(openapi):
        parameters = {
            each["name"]: each["schema"]
            for each in operation.get("parameters", ())
            if each["in"] == "query"
        }
        limit = parameters.get("limit")
        if limit is not None or (call.startswith("GET") and "items" in members(openapi, operation)):
            assert limit is not None, f"{call} has no pages"
            bounds = f"{limit['default']}, {limit['maximum']}"
            found[call] = [*members(openapi, operation)], {*parameters}, bounds
    check("Lists", rows, found)


def test_every_header_of_a_response_is_listed(openapi: dict[str, Any]) -> None:
    rows = {codes(name)[0]: direction for name, direction, _ in table("HTTP", "Header")}
    documented = {
        name
        for _, operation in operations(openapi)
        for response in operation["responses"].values()
        for name in response["headers"]
    }
    documented.remove("WWW-Authenticate")  # only in 401 responses, and defined by HTTP itself
    check("HTTP", {name for name, direction in rows.items() if direction == "response"}, documented)


def test_every_problem_is_listed_with_its_status() -> None:
    rows = [(status, *codes(kind)) for status, kind, _ in table("Errors", "Status")]
    check("Errors", sorted(rows), sorted((str(each.status), each.code) for each in ProblemType))


def test_every_member_of_a_problem_is_listed(openapi: dict[str, Any]) -> None:
    problem = openapi["components"]["schemas"]["ProblemDetails"]["properties"]
    check("Errors", first_codes(table("Errors", "Member")), [*problem])
    (example,) = re.findall(r"^```json\n(\{\n  \"type\".*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert [*json.loads(example)] == [*problem]


def test_the_response_to_a_purchase_is_listed(openapi: dict[str, Any]) -> None:
    operation = dict(operations(openapi))["POST /v1/process-transaction"]
    heading = "Deciding a purchase"
    check(heading, first_codes(table(heading, "Response field")), [*members(openapi, operation)])


def test_the_examples_are_the_published_ones(openapi: dict[str, Any]) -> None:
    examples = map(json.loads, re.findall(r"^```json\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL))
    schemas = openapi["components"]["schemas"].values()
    published = [example for schema in schemas for example in schema.get("examples", ())]
    others = [each for each in examples if "errors" not in each and each not in published]
    assert not others, "copy the example from docs/openapi.json into docs/contracts.md"


def test_the_reasons_are_listed_in_order_of_precedence_with_field_39() -> None:
    """The order of the table is the order in responses."""
    rows = [(*codes(reason), code) for reason, code, _ in table("Reasons", "Reason")]
    check("Reasons", rows, [(code.value, code.response_code) for code in ReasonCode])


def test_the_members_of_a_balance_are_listed(openapi: dict[str, Any]) -> None:
    operation = dict(operations(openapi))["GET /v1/accounts/{account_id}/balance"]
    check("Balance", first_codes(table("Balance", "Field")), [*members(openapi, operation)])


def test_every_state_of_a_transaction_is_listed() -> None:
    states = first_codes(table("Transactions", "State"))
    check("Transactions", sorted(states), sorted(TransactionState))


def test_the_members_and_kinds_of_postings_are_listed(openapi: dict[str, Any]) -> None:
    page = members(openapi, dict(operations(openapi))["GET /v1/accounts/{account_id}/postings"])
    posting = resolved(openapi, page["items"]["items"])
    rows = first_codes(table("Postings", "Field of a posting"))
    check("Postings", rows, [*posting["properties"]])
    check("Postings", first_codes(table("Postings", "Kind")), list(PostingKind))


def test_every_flag_is_listed() -> None:
    check("Flags", first_codes(table("Flags", "Flag")), list(Flag))


def test_every_result_of_a_batch_is_listed(openapi: dict[str, Any]) -> None:
    batch = members(openapi, dict(operations(openapi))["POST /v1/clearings"])
    item = resolved(openapi, batch["items"]["items"])
    heading = "Batches of clearings"
    check(heading, first_codes(table(heading, "`result`")), item["properties"]["result"]["enum"])


def test_the_members_and_types_of_events_are_listed(openapi: dict[str, Any]) -> None:
    """Types are the names under which events are stored."""
    page = members(openapi, dict(operations(openapi))["GET /v1/events"])
    event = resolved(openapi, page["items"]["items"])
    check("The log", first_codes(table("The log", "Field of an event")), [*event["properties"]])
    types = sorted(first_codes(table("The log", "Type")))
    check("The log", types, sorted(kind.TOPIC for kind in EVENT_TYPES))


def test_the_causes_of_events_are_listed_with_their_members(openapi: dict[str, Any]) -> None:
    rows = {
        codes(kind)[0]: codes(further) for kind, further, _ in table("The log", "`kind` of a cause")
    }
    causes = {
        cause["properties"]["kind"]["const"]: [*cause["properties"]][1:]
        for cause in (
            openapi["components"]["schemas"][reference["$ref"].rpartition("/")[2]]
            for reference in openapi["components"]["schemas"]["Cause"]["oneOf"]
        )
    }
    check("The log", rows, causes)


def test_every_inbound_topic_is_listed_with_its_fields() -> None:
    schemas = message_schemas()
    rows = {
        codes(topic)[0]: (sorted(codes(required)), sorted(codes(optional)))
        for topic, _, required, optional in table("Inbound topics", "Topic")
    }
    fields = {topic: tuple(map(sorted, required_and_optional(schemas[topic]))) for topic in INBOUND}
    check("Inbound topics", rows, fields)


def test_every_outbound_topic_is_listed_with_its_fields() -> None:
    schemas = message_schemas()
    rows = {codes(topic)[0]: codes(names) for topic, _, names in table("Outbound topics", "Topic")}
    fields = {topic: [*schemas[topic]["properties"]] for topic in OUTBOUND}
    check("Outbound topics", rows, fields)
    assert all(rows[topic] == schemas[topic]["required"] for topic in OUTBOUND)


def test_the_operators_list_has_every_topic() -> None:
    """docs/operations.md lists inbound and outbound topics, but not dead-letter topics."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (inbound|outbound) \| (.*) \|$", text, re.MULTILINE))
    listed = {group: sorted(codes(topics)) for group, topics in rows.items()}
    assert listed == {"inbound": sorted(INBOUND), "outbound": sorted(OUTBOUND)}


def test_the_headers_of_published_messages_are_listed() -> None:
    stream = Stream()
    stream.ask(purchase(ACCOUNT, "tx-1", 1250))
    (decided,) = stream.events
    decided = msgspec.structs.replace(decided, tracestate="vendor=1")
    record = OUTBOUND["transactions.transaction-decisioned.v1"].encode(
        7, decided.originator_id, 1, decided.TOPIC, encode_event(decided)
    )
    (sent,) = Batch.of(7, [record]).simulated().records
    headers = first_codes(table("Outbound topics", "Header"))
    check("Outbound topics", headers, [name for name, _ in sent.headers])


def test_every_status_of_a_message_is_listed() -> None:
    check("Outcomes", first_codes(table("Outcomes", "Status")), list(MessageStatus))


def test_every_reason_for_parking_is_listed() -> None:
    given = {
        *RefusalReason,
        *reasons_given("Rejection", "EnvelopeError"),
        REFUSED_BY_DATABASE,
    }
    assert given > NOT_OF_MESSAGES
    assert sorted(first_codes(table("Parked messages", "Reason"))) == sorted(
        given - NOT_OF_MESSAGES
    )


def reasons_given(*constructors: str) -> Iterator[str]:
    """Yield the reasons in the package's code: the first arguments of these constructors."""
    for module in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(ast.Name(name), [ast.Constant(str(reason)), *_]):
                    if name in constructors:
                        yield reason


def test_every_command_is_listed_with_its_summary_and_whether_it_prints_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert table("Command line", "Command") == [
        (f"`{name}`", summary, "yes" if prints_json(capsys, name) else "no")
        for name, summary in COMMANDS.items()
    ]


def prints_json(capsys: pytest.CaptureFixture[str], command: str) -> bool:
    """Return whether the command, or each of its actions, has the option `--json`."""
    shown = help_of(capsys, command)
    actions = re.findall(r"^    ([a-z]+)\b", shown, re.MULTILINE)
    return "--json" in shown or (
        bool(actions) and all("--json" in help_of(capsys, command, each) for each in actions)
    )


def help_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return the help text of a command or of one of its actions."""
    with pytest.raises(SystemExit):
        main([*words, "--help"])
    return capsys.readouterr().out


def test_every_scope_is_listed() -> None:
    assert first_codes(table("Keys", "Scope")) == list(Scope)


def test_the_bounds_of_money_match_the_code() -> None:
    assert f"1 to {MAX_AMOUNT:,}" in TEXT
    assert f"±{MAX_BALANCE:,}" in TEXT
