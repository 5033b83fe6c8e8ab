"""Rules and merchants whose id, category or country is unknown.

An allow rule refuses purchases at such a merchant. A deny rule lets them pass, unless its parameter
`refuse_unknown` is true.
"""

from collections.abc import Iterator
from typing import Annotated, Any

from typing_extensions import override

from txplatform.domain.rules.parameters import Parameter

UNKNOWN = "unknown"
"""The observed value of a rule that refuses what is unknown."""


class Switch(Parameter):
    """A parameter that is true or false; true makes a rule refuse more."""

    @override
    def at_least_as_strict(self, value: Any, than: Any) -> bool:
        return bool(value or not than)

    @override
    def changes(self, name: str, old: Any, new: Any) -> Iterator[str]:
        if old != new:
            yield f"{name} becomes {'true' if new else 'false'}"


RefuseUnknown = Annotated[bool, Switch()]
"""True if a deny rule also refuses merchants of which it does not know what it looks for."""
