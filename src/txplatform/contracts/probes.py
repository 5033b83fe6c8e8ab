"""The response to a health probe."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProbeResponse:
    """The result of a health probe.

    Attributes:
        detail: A sentence that describes the fault, or an alarm that does not prevent decisions;
            empty if there is none.
    """

    status: str
    detail: str
