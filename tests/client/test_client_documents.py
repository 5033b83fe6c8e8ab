"""The client has every call, message and field of the published documents."""

from __future__ import annotations

import inspect
import json
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any, get_type_hints

import pytest
from httpx_sse import ServerSentEvent

import txplatform_client
from harness.documents import document
from harness.schema_differences import request_differences, response_differences
from txplatform_client import ClearingItem, Client, Decision, Event, Problem
from txplatform_client.call import Call
from txplatform_client.kafka import TOPICS
from txplatform_client.kafka.inbound import INBOUND
from txplatform_client.retries import Patience
from txplatform_client.stream import Resumption

OPENAPI = json.loads(document("openapi.json"))
SCHEMAS = OPENAPI["components"]["schemas"]
ASYNCAPI = json.loads(document("asyncapi.json"))
PROBES = {"/livez", "/startupz", "/readyz", "/metrics"}
"""They are for what runs the service, and need no key."""


class Described:
    """A method of the client, and the call that it makes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.describe = getattr(Client, name)
        self.signature = inspect.signature(self.describe)
        self.hints = get_type_hints(self.describe)
        self.hints.pop("return")
        given = {each: self._argument(each) for each in self.hints}
        self.call: Call[Any] = self.describe(None, **given)
        self.body = next(
            (self.hints[each] for each, value in given.items() if value is self.call.body), None
        )

    def _argument(self, name: str) -> Any:
        return "{" + name + "}" if self.hints[name] in (str, int) else "sent"

    @property
    def route(self) -> tuple[str, str]:
        """The method and the path, as the document writes them."""
        return self.call.method, f"/v1/{'/'.join(self.call.path)}"


def described() -> Iterator[Described]:
    for name in dir(Client):
        if not name.startswith("_") and name not in {"send", "pages", "close", "stream_events"}:
            yield Described(name)


CALLS = [*described()]
STREAM = ("GET", "/v1/events/stream")
MODULES = [
    import_module(each.name)
    for each in pkgutil.walk_packages(txplatform_client.__path__, "txplatform_client.")
]


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, methods in OPENAPI["paths"].items()
        for method, operation in methods.items()
        if path not in PROBES
    }


def test_the_client_has_every_call_of_the_document_and_no_other() -> None:
    assert {each.route for each in CALLS} | {STREAM} == set(operations())


@pytest.mark.parametrize("described", CALLS, ids=lambda each: each.name)
def test_a_call_has_every_parameter_of_the_document(described: Described) -> None:
    """Several methods may share a call, such as a dry run; together they have all parameters."""
    same = [each for each in CALLS if each.route == described.route]
    sent = {name.lower() for each in same for name in (*each.call.query, *each.call.headers)}
    listed = operations()[described.route].get("parameters", [])
    assert sent == {each["name"] for each in listed if each["in"] != "path"}


@pytest.mark.parametrize(
    "described", [each for each in CALLS if each.body], ids=lambda each: each.name
)
def test_a_request_has_every_field_of_the_document(described: Described) -> None:
    content = operations()[described.route]["requestBody"]["content"]["application/json"]
    assert request_differences(described.body, content["schema"], SCHEMAS) == []


def test_an_item_of_a_batch_has_every_field_of_the_document() -> None:
    batch = SCHEMAS["ClearingBatchRequest"]
    assert [*batch["properties"]] == [*Described("clear_purchases").call.body]
    assert request_differences(list[ClearingItem], batch["properties"]["items"], SCHEMAS) == []


@pytest.mark.parametrize("described", CALLS, ids=lambda each: each.name)
def test_a_response_has_every_field_of_the_document(described: Described) -> None:
    content = operations()[described.route]["responses"]["200"]["content"]["application/json"]
    schema = content["schema"]
    if described.call.response is Decision:  # the other alternative is that of a dry run
        schema = SCHEMAS[schema["$ref"].rpartition("/")[2]]["oneOf"][0]
    assert response_differences(described.call.response, schema, SCHEMAS) == []


def test_the_stream_has_every_parameter_of_the_document() -> None:
    resumption = Resumption("start", Patience(1, 1))
    sent = {*resumption.call.query}
    (example,) = SCHEMAS["EventsResponse"]["examples"][0]["items"]
    resumption.event(ServerSentEvent(data=json.dumps(example)))
    assert resumption.call.headers == {"Last-Event-ID": example["cursor"]}
    sent |= {name.lower() for name in resumption.call.headers}
    assert sent == {each["name"] for each in operations()[STREAM]["parameters"]}


def test_the_streamed_event_has_every_field_of_the_document() -> None:
    assert response_differences(Event, SCHEMAS["EventResponse"], SCHEMAS) == []


def test_a_problem_has_every_field_of_the_document() -> None:
    assert response_differences(Problem, SCHEMAS["ProblemDetails"], SCHEMAS) == []


def test_the_client_has_the_messages_of_all_topics_and_no_other() -> None:
    assert [*TOPICS] == [each for each in ASYNCAPI["channels"] if not each.endswith(".dlq")]
    receives = {
        operation["channel"]["$ref"].removeprefix("#/channels/")
        for operation in ASYNCAPI["operations"].values()
        if operation["action"] == "receive"
    }
    assert receives == {each.TOPIC for each in INBOUND}


@pytest.mark.parametrize("topic", TOPICS)
def test_a_message_has_every_field_of_its_topic(topic: str) -> None:
    schema = json.loads(document(f"schemas/{topic}.json"))
    compare = request_differences if TOPICS[topic] in INBOUND else response_differences
    assert compare(TOPICS[topic], schema, schema.get("$defs", {})) == []


@pytest.mark.parametrize("module", MODULES, ids=lambda each: each.__name__)
def test_every_public_name_is_documented(module: ModuleType) -> None:
    assert module.__doc__
    for name, found in vars(module).items():
        if name.startswith("_") or getattr(found, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(found) or inspect.isfunction(found):
            assert found.__doc__, name
        for inner, member in vars(found).items() if inspect.isclass(found) else ():
            if not inner.startswith("_") and inspect.isfunction(member):
                assert member.__doc__, f"{name}.{inner}"
