"""Envelopes: CloudEvents in binary and structured mode, and bare bodies."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from txplatform.contracts.cloudevents import (
    Envelope,
    EnvelopeError,
    SentTrace,
    binary_headers,
    open_envelope,
    trace_of,
)

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
STATE = "vendor=1"
UNTRACED = SentTrace(None, None)
DATA = {"account_id": "acc-1"}
BODY = json.dumps(DATA).encode()
STRUCTURED = [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def structured(**attributes: Any) -> bytes:
    """Return an event in structured mode."""
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", **attributes}
    return json.dumps(event).encode()


def test_a_bare_body_has_no_type() -> None:
    assert open_envelope([], BODY) == Envelope(None, UNTRACED, DATA)


def test_what_we_send_in_binary_mode_can_be_read() -> None:
    headers = binary_headers(
        event_id="e-1",
        event_type="t",
        subject="acc-1",
        time="2026-11-20T10:15:00.000000Z",
        trace=(TRACE, STATE),
    )
    assert open_envelope(headers, BODY) == Envelope("t", SentTrace(TRACE, STATE), DATA)


def test_header_names_are_read_in_any_case() -> None:
    assert open_envelope([("CE_Type", b"t"), ("Traceparent", b"x")], BODY) == Envelope(
        "t", SentTrace("x", None), DATA
    )


@pytest.mark.parametrize("headers", [STRUCTURED, []])
def test_structured_mode_is_recognized_by_content_type_or_attributes(
    headers: list[tuple[str, bytes]],
) -> None:
    body = structured(data=DATA, traceparent=TRACE, tracestate=STATE)
    assert open_envelope(headers, body) == Envelope("t", SentTrace(TRACE, STATE), DATA)


def test_structured_data_may_be_base64() -> None:
    body = structured(data_base64=base64.b64encode(BODY).decode())
    assert open_envelope(STRUCTURED, body) == Envelope("t", UNTRACED, DATA)


@pytest.mark.parametrize(
    ("reason", "headers", "body"),
    [
        ("empty_body", [], None),
        ("empty_body", STRUCTURED, b""),
        ("not_json", [], b"{"),
        ("not_json", [("ce_type", b"t")], b"\xff"),
        ("not_json", STRUCTURED, structured(data_base64="e30x")),
        ("schema_violation", STRUCTURED, b"[]"),
        ("schema_violation", STRUCTURED, structured(type=None)),
        ("schema_violation", STRUCTURED, structured(data_base64="%")),
        ("schema_violation", STRUCTURED, structured(data_base64=1)),
        ("schema_violation", STRUCTURED, structured(data={}, data_base64="e30=")),
        ("unsupported_envelope", [("ce_specversion", b"0.3")], BODY),
        ("unsupported_envelope", STRUCTURED, structured(specversion="2.0")),
        ("unsupported_envelope", [("content-type", b"application/cloudevents+avro")], BODY),
    ],
)
def test_an_invalid_envelope_is_refused_with_a_reason(
    reason: str, headers: list[tuple[str, bytes | None]], body: bytes | None
) -> None:
    with pytest.raises(EnvelopeError) as refused:
        open_envelope(headers, body)
    assert refused.value.reason == reason


def test_the_traceparent_of_an_invalid_message_is_still_found() -> None:
    assert trace_of([("h", None), ("traceparent", TRACE.encode())]) == SentTrace(TRACE, None)
    assert trace_of([("traceparent", b"\xff")]).traceparent == "\N{REPLACEMENT CHARACTER}"
