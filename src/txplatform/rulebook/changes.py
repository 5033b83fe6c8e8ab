"""The kinds of changes to the rule book. Changes are stored permanently, like account events."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, get_args

import msgspec

from txplatform.domain.cause import KeyCause, OperatorCause
from txplatform.domain.rulesets import RulesNotUnderstoodError, ruleset_id

Author = KeyCause | OperatorCause
"""The API key or the operator that makes a change."""


class RuleBookChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The base class of all changes; every change names its author in `by`."""

    TOPIC: ClassVar[str]

    @property
    def key(self) -> str:
        """The change's unique key in the rule book, `<kind>:<id>`."""
        raise NotImplementedError

    @property
    def contents(self) -> dict[str, object]:
        """The fields that a repeated change must match; its author and position may differ."""
        return {}


class RuleSetAdded(RuleBookChange, frozen=True):
    """A rule set was added, and can now be activated or evaluated in shadow. It never changes.

    Attributes:
        ruleset: The rule set as a JSON value.
        content_hash: SHA-256 of the rule set's canonical JSON, hexadecimal.
    """

    TOPIC: ClassVar[str] = "ruleset-added"
    ruleset: dict[str, Any]
    content_hash: str
    by: Author

    @property
    def key(self) -> str:
        return f"ruleset:{self.ruleset_id}"

    @property
    def contents(self) -> dict[str, object]:
        return self.ruleset

    @property
    def ruleset_id(self) -> str:
        """The rule set's name and version, such as retail@3."""
        return ruleset_id(self.ruleset["name"], self.ruleset["version"])


class RuleSetActivated(RuleBookChange, frozen=True):
    """A rule set was put in force.

    Attributes:
        after_position: The log's newest position at the activation. For up to a second, decisions
            may still use the previous rule set; every decision names the rule set it used.
    """

    TOPIC: ClassVar[str] = "ruleset-activated"
    activation_id: str
    ruleset_id: str
    reason: str
    by: Author
    after_position: int

    @property
    def key(self) -> str:
        return f"activation:{self.activation_id}"

    @property
    def contents(self) -> dict[str, object]:
        return {"ruleset_id": self.ruleset_id, "reason": self.reason}


class ShadowingStarted(RuleBookChange, frozen=True):
    """A shadow evaluation began, from `after_position` on, and ended any running one."""

    TOPIC: ClassVar[str] = "shadowing-started"
    shadowing_id: str
    ruleset_id: str
    reason: str
    by: Author
    after_position: int

    @property
    def key(self) -> str:
        return f"shadowing:{self.shadowing_id}"

    @property
    def contents(self) -> dict[str, object]:
        return {"ruleset_id": self.ruleset_id, "reason": self.reason}


class ShadowingEnded(RuleBookChange, frozen=True):
    """A shadow evaluation ended; it covers decisions up to log position `after_position`."""

    TOPIC: ClassVar[str] = "shadowing-ended"
    shadowing_id: str
    by: Author
    after_position: int

    @property
    def key(self) -> str:
        return f"shadowing-end:{self.shadowing_id}"


Change = RuleSetAdded | RuleSetActivated | ShadowingStarted | ShadowingEnded

_DECODERS: dict[str, msgspec.json.Decoder[Change]] = {
    kind.TOPIC: msgspec.json.Decoder(kind) for kind in get_args(Change)
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A change as recorded in the rule book.

    Attributes:
        version: The rule book's version after this change, from 1 without gaps.
        recorded_at: The database's time, UTC.
    """

    version: int
    event_id: str
    recorded_at: datetime
    change: Change


class UnknownChangeError(RulesNotUnderstoodError):
    """Raised if this version of txplatform does not know a change in the rule book."""


def encode_change(change: Change) -> bytes:
    """Return a change as JSON in UTF-8."""
    return msgspec.json.encode(change)


def decode_change(version: int, topic: str, state: bytes) -> Change:
    """Decode a stored change.

    Raises:
        UnknownChangeError: This version of txplatform does not know the topic or one of the fields.
    """
    decoder = _DECODERS.get(topic)
    if decoder is None:
        raise UnknownChangeError(
            f"Change {version} of the rule book is of the unknown kind {topic!r}.",
            why="A newer version of txplatform wrote it.",
            next_step="Run that version, or a newer one.",
        )
    try:
        return decoder.decode(state)
    except msgspec.DecodeError as error:
        raise UnknownChangeError(
            f"Change {version} of the rule book, of the kind {topic!r}, cannot be read.",
            why=f"A newer version wrote it, or it was altered: {error}.",
            next_step="Run the version that wrote it, or a newer one.",
        ) from error
