"""The health of a process's components, as `/readyz` reports it."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Health:
    """A component's health.

    Attributes:
        ready: False before the component has started, during a fault, and after it has stopped.
        detail: What the component is doing or why it is not working, as text for people.
        figures: Numbers such as lags, by name.
        hung: True if the component has done nothing for so long that only a restart helps.
    """

    ready: bool
    detail: str
    figures: dict[str, Any] = field(default_factory=dict)
    hung: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the health as `/readyz` shows it."""
        return {"ready": self.ready, "detail": self.detail, "facts": self.figures}
