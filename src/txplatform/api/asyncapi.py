"""Build the AsyncAPI document and the JSON Schemas of the messages."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter

from txplatform.api.openapi import CONTACT, LICENSE
from txplatform.contracts import response_fields as out
from txplatform.contracts.cloudevents import SOURCE, STRUCTURED_CONTENT_TYPE
from txplatform.contracts.json_schemas import JsonSchema, complete
from txplatform.contracts.messages import INBOUND
from txplatform.inbox.message import REFUSED_BY_DATABASE
from txplatform.publisher import TOPICS as OUTBOUND
from txplatform.publisher.dead_letters import WITHHELD, dead_letter_topic

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DIGITS = {"type": "string", "pattern": "^[0-9]{1,16}$", "maxLength": 16}


def message_schemas() -> dict[str, JsonSchema]:
    """Return the JSON Schema of each topic's message body, by topic."""
    bodies: dict[str, type] = INBOUND | {name: topic.body for name, topic in OUTBOUND.items()}
    return {
        name: {
            "$schema": _DIALECT,
            "$id": f"urn:txplatform:schema:{name}",
            **complete(TypeAdapter[Any](body).json_schema()),
        }
        for name, body in bodies.items()
    }


def describe_messages(schemas: Mapping[str, JsonSchema]) -> dict[str, Any]:
    """Return the AsyncAPI document, which refers to these schemas as `schemas/<topic>.json`."""
    channels = {
        topic: _channel(
            topic,
            {"$ref": f"schemas/{topic}.json"},
            _inbound_headers(topic) if topic in INBOUND else _outbound_headers(topic),
        )
        for topic in schemas
    }
    actions = dict.fromkeys(INBOUND, "receive") | dict.fromkeys(OUTBOUND, "send")
    for topic in INBOUND:
        dead_letters = dead_letter_topic(topic)
        body = {"description": "The body as it was received; none if it was withheld."}
        channels[dead_letters] = _channel(dead_letters, body, _dead_letter_headers(topic))
        actions[dead_letters] = "send"
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "txplatform",
            "version": version("txplatform"),
            "description": (
                "Messages are CloudEvents 1.0. Binary mode, structured mode and bare JSON bodies "
                "are accepted; binary mode is sent. Delivery is at least once, in order per key."
            ),
            "contact": CONTACT,
            "license": {"name": LICENSE["name"]},
        },
        "servers": {
            "kafka": {
                "host": "{bootstrap_servers}",
                "protocol": "kafka",
                "description": "The brokers of this installation.",
                "variables": {
                    "bootstrap_servers": {
                        "default": "localhost:9092",
                        "description": "The setting TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS.",
                    }
                },
            }
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": {
            f"{action}-{topic}": {
                "action": action,
                "channel": {"$ref": f"#/channels/{topic}"},
            }
            for topic, action in actions.items()
        },
    }


def _channel(topic: str, payload: JsonSchema, headers: JsonSchema) -> dict[str, Any]:
    key = _of(out.AccountId) | {"description": "The account id, which keeps an account's order."}
    return {
        "address": topic,
        "messages": {
            "message": {
                "name": topic,
                "headers": headers,
                "payload": payload,
                "bindings": {"kafka": {"key": key}},
            }
        },
    }


def _of(kind: Any) -> JsonSchema:
    return complete(TypeAdapter(kind).json_schema())


def _headers(required: Mapping[str, JsonSchema], optional: Mapping[str, JsonSchema]) -> JsonSchema:
    return {
        "type": "object",
        "description": "Values are text in UTF-8.",
        "properties": {**required, **optional},
        "required": [*required],
    }


def _constant(value: str, description: str) -> JsonSchema:
    return {"type": "string", "const": value, "description": description}


def _cloudevent(topic: str) -> dict[str, JsonSchema]:
    return {
        "ce_specversion": _constant("1.0", "The version of CloudEvents."),
        "ce_type": _constant(topic, "The topic."),
        "content-type": _constant("application/json", "The media type of the body."),
        "traceparent": _of(out.Traceparent),
    }


def _tracestate() -> dict[str, JsonSchema]:
    return {"tracestate": _of(out.Tracestate)}


def _positions() -> dict[str, JsonSchema]:
    return {
        "event_id": _of(out.EventId),
        "account_version": _DIGITS | {"description": "The account's version after the event."},
        "log_position": _DIGITS
        | {"description": "Grows with each message of an account, across topics."},
    }


def _simulated() -> dict[str, JsonSchema]:
    description = "Only from the database of `txplatform demo`, whose events have simulated times."
    return {"simulated": _constant("true", description)}


def _inbound_headers(topic: str) -> JsonSchema:
    """Return the schema of the headers in binary mode; the other modes need none."""
    return _headers(
        {},
        {
            **_cloudevent(topic),
            "content-type": {
                "type": "string",
                "enum": ["application/json", STRUCTURED_CONTENT_TYPE],
                "description": "The media type of the body; the second one is structured mode.",
            },
            "ce_id": _of(out.Text) | {"description": "An id, which is not used."},
            "ce_source": _of(out.Text) | {"description": "The sender, which is not used."},
            "ce_time": _of(out.Time) | {"description": "A time, which is not used."},
            "ce_subject": _of(out.AccountId),
            **_tracestate(),
        },
    )


def _outbound_headers(topic: str) -> JsonSchema:
    return _headers(
        {
            **_cloudevent(topic),
            "ce_id": _of(out.EventId),
            "ce_source": _constant(SOURCE, "This platform."),
            "ce_subject": _of(out.AccountId),
            "ce_time": _of(out.Time) | {"description": "The time of the decision."},
            **_positions(),
        },
        {**_tracestate(), **_simulated()},
    )


def _dead_letter_headers(topic: str) -> JsonSchema:
    """Return the schema of the headers that are added to those of the original message."""
    of_rejections = "Only of a message that waited and was rejected. "
    return _headers(
        {
            "dlq_topic": _constant(topic, "The original topic."),
            "dlq_reason": _of(out.ReasonCode),
            "dlq_detail": _of(out.Detail) | {"description": "The reason in a sentence."},
        },
        {
            "dlq_partition": _DIGITS | {"description": "The original partition."},
            "dlq_offset": _DIGITS | {"description": "The original offset."},
            "inbound_id": _DIGITS | {"description": "The message's id in the inbox."},
            "dlq_withheld": {
                "type": "string",
                "enum": [WITHHELD["dlq_withheld"], REFUSED_BY_DATABASE],
                "description": "Why a key, header or body was left out.",
            },
            **{
                name: schema | {"description": of_rejections + schema["description"]}
                for name, schema in _positions().items()
            },
            **_simulated(),
        },
    )
