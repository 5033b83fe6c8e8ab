"""The response to a health probe."""

from dataclasses import dataclass

from txplatform.contracts import response_fields as out


@dataclass(frozen=True, slots=True)
class ProbeResponse:
    """The result of a health probe.

    Attributes:
        detail: A sentence that describes the fault, or an alarm that does not prevent decisions;
            empty if there is none.
    """

    status: out.Text
    detail: out.Detail
