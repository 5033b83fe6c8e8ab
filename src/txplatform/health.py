"""The health of one part of a process, as `/readyz` reports it."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Health:
    """The health of a part.

    Attributes:
        ready: False while the part waits for a fault to pass, or after the part has stopped.
        detail: What the part is doing, or why it is not working; for people.
        figures: Numbers such as lags.
    """

    ready: bool
    detail: str
    figures: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the health as `/readyz` shows it."""
        return {"ready": self.ready, "detail": self.detail, "facts": self.figures}
