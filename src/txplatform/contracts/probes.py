"""The response to a probe."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProbeResponse:
    """The result of a probe.

    Attributes:
        detail: The fault as a sentence; empty if there is none.
    """

    status: str
    detail: str
