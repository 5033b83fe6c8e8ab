"""W3C Trace Context: which traces are kept, up to the event that a message causes."""

from __future__ import annotations

import json

import pytest

from txplatform.consumers.parsing import read_message
from txplatform.contracts.trace_context import accept_trace
from txplatform.inbox.message import ReceivedMessage

IDS = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (f"00-{IDS}-01", f"00-{IDS}-01"),
        (f"00-{IDS}-ff", f"00-{IDS}-ff"),
        (f"01-{IDS}-09-more", f"00-{IDS}-01"),
        (f"fe-{IDS}-00", f"00-{IDS}-00"),
    ],
)
def test_a_trace_is_kept_as_version_00(given: str, kept: str) -> None:
    assert accept_trace(given, "a=1") == (kept, "a=1")


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        f"ff-{IDS}-01",
        f"00-{IDS}-01-more",
        f"01-{IDS}-01more",
        f"00-{IDS.upper()}-01",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
        f"00-{IDS}",
        f" 00-{IDS}-01",
        f"00-{IDS}-01\n",
    ],
)
def test_a_trace_that_cannot_be_read_begins_anew_without_a_state(given: str | None) -> None:
    begun = accept_trace(given, "a=1")
    assert begun.traceparent[3:52] != IDS
    assert begun.tracestate == ""


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        ("a=1", "a=1"),
        (" a=1 ,\tb@c=2,, ", "a=1 ,\tb@c=2"),
        ("a=" + "x" * 256, "a=" + "x" * 256),
        ("", ""),
        ("a", ""),
        ("a=", ""),
        ("A=1", ""),
        ("a=1=2", ""),
        ("a=\x7f", ""),
        ("a=é", ""),
        (",".join(f"k{number}=1" for number in range(32)), None),
        (",".join(f"k{number}=1" for number in range(33)), ""),
        ("a=" + "x" * 250 + ",b=" + "x" * 256 + ",c=1", ""),
        ("a=4111 1111 1111 1111", ""),
        # A pattern for the whole list would try all ways to share out the blanks.
        (("a=b" + " " * 12 + ",") * 30 + "A", ""),
        (("," + " " * 15) * 30 + "A", ""),
    ],
)
def test_a_state_is_kept_or_dropped_as_a_whole(state: str, kept: str | None) -> None:
    assert accept_trace(f"00-{IDS}-01", state).tracestate == (state if kept is None else kept)


@pytest.mark.parametrize("prefix", ["", "ce_"])
def test_the_trace_of_a_message_is_that_of_its_command(prefix: str) -> None:
    body = {"payment_id": "p", "account_id": "a", "amount": 1, "currency": "USD"}
    headers = (
        (f"{prefix}traceparent", f"00-{IDS}-01".encode()),
        (f"{prefix}tracestate", b"vendor=1"),
    )
    message = ReceivedMessage(
        cluster_id="cluster",
        topic="payments.payment-submitted.v1",
        topic_id="",
        partition=0,
        offset=0,
        sent_at=None,
        key=b"a",
        headers=headers,
        body=json.dumps(body).encode(),
    )
    assert read_message(message).trace == (f"00-{IDS}-01", "vendor=1")
