"""W3C Trace Context: accept a caller's or sender's trace, or begin a new one."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from txplatform.contracts.card_numbers import holds_card_number
from txplatform.telemetry import new_traceparent

_IDS = r"(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}"
_TRACEPARENT = re.compile(rf"00-{_IDS}-[0-9a-f]{{2}}")
_NEWER_TRACEPARENT = re.compile(rf"(?!00|ff)[0-9a-f]{{2}}-({_IDS})-([0-9a-f]{{2}})(?:-.*)?")
_KNOWN_FLAGS = 0b11
"""Sampled, and random trace id (level 2)."""

_MEMBER = re.compile(r"[a-z0-9][a-z0-9_*/@-]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256}")
"""A member of a `tracestate` (section 3.3.1.3), of which some may be empty."""
_MAX_MEMBERS = 32
_MAX_TRACESTATE = 512
"""Characters that have to be passed on (section 3.3.1.5). A longer `tracestate` is dropped."""


class TraceContext(NamedTuple):
    """A trace as events and messages carry it. `tracestate` is empty if there is none."""

    traceparent: str
    tracestate: str = ""


def accept_trace(traceparent: str | None, tracestate: str | None = None) -> TraceContext:
    """Return the given trace if its `traceparent` is well formed, otherwise a new one.

    A higher version is read by its first four fields, and passed on as version 00 (section 4.3).
    A `tracestate` that is malformed, or that has a card number in it, is dropped.
    """
    if traceparent is None:
        return TraceContext(new_traceparent())
    if not _TRACEPARENT.fullmatch(traceparent):
        newer = _NEWER_TRACEPARENT.fullmatch(traceparent)
        if newer is None:
            return TraceContext(new_traceparent())
        ids, flags = newer.groups()
        traceparent = f"00-{ids}-{int(flags, 16) & _KNOWN_FLAGS:02x}"
    return TraceContext(traceparent, _accept_state(tracestate) if tracestate else "")


def trace_of_request(headers: Sequence[tuple[bytes, bytes]]) -> TraceContext:
    """Return the trace in the headers of an HTTP request, as `accept_trace` does."""
    return accept_trace(*sent_trace(headers))


def sent_trace(headers: Sequence[tuple[bytes, bytes]]) -> tuple[str | None, str | None]:
    """Return `traceparent` and `tracestate` of an HTTP request as they were sent.

    Several lines of `tracestate` are one list. Several of `traceparent` count as none.
    """
    parents = [value for name, value in headers if name == b"traceparent"]
    if len(parents) != 1:
        return None, None
    states = [value for name, value in headers if name == b"tracestate"]
    return parents[0].decode("latin-1"), b",".join(states).decode("latin-1")


def _accept_state(given: str) -> str:
    members = [member.strip(" \t") for member in given.split(",")]
    if (
        len(given) > _MAX_TRACESTATE
        or len(members) > _MAX_MEMBERS
        or not all(_MEMBER.fullmatch(member) for member in members if member)
        or holds_card_number(given)
    ):
        return ""
    return given.strip(" \t,")
