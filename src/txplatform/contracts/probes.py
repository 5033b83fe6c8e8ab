"""The response of the probes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProbeResponse:
    """What a probe found.

    Attributes:
        detail: What is wrong, for people.
    """

    status: str
    detail: str
