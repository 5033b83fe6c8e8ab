"""The changes of the rule book; stored for ever, as an account's events are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, get_args

import msgspec

from txplatform.domain.cause import KeyCause, OperatorCause
from txplatform.domain.rulesets import RulesNotUnderstoodError, ruleset_id

Author = KeyCause | OperatorCause
"""Who changes the rule book."""


class RuleSetAdded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule set was added; it can be activated and shadowed, and never changes.

    Attributes:
        ruleset: Its canonical JSON, as a value.
        content_hash: SHA-256 of that, hexadecimal.
        by: Who did it.
    """

    TOPIC: ClassVar[str] = "ruleset-added"
    ruleset: dict[str, Any]
    content_hash: str
    by: Author

    @property
    def key(self) -> str:
        """`ruleset:<id>`: one content for each id."""
        return f"ruleset:{self.ruleset_id}"

    @property
    def contents(self) -> object:
        """The part that a copy repeats; its author and time may differ."""
        return self.content_hash

    @property
    def ruleset_id(self) -> str:
        """Such as retail@3."""
        return ruleset_id(self.ruleset["name"], self.ruleset["version"])


class RuleSetActivated(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule set was put in force.

    Attributes:
        by: Who did it, and `reason` why.
        after_position: The log's newest position then; decisions a second or two behind it may
            still have been made by the rule set before, each of them names its own.
    """

    TOPIC: ClassVar[str] = "ruleset-activated"
    activation_id: str
    ruleset_id: str
    reason: str
    by: Author
    after_position: int

    @property
    def key(self) -> str:
        """`activation:<id>`."""
        return f"activation:{self.activation_id}"

    @property
    def contents(self) -> object:
        """The part that a copy repeats."""
        return self.ruleset_id, self.reason


class ShadowingStarted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The evaluation of a rule set in shadow began; it replaces the one before.

    Attributes:
        by: Who did it, and `reason` why.
        after_position: Decisions behind this position of the log are judged.
    """

    TOPIC: ClassVar[str] = "shadowing-started"
    shadowing_id: str
    ruleset_id: str
    reason: str
    by: Author
    after_position: int

    @property
    def key(self) -> str:
        """`shadowing:<id>`."""
        return f"shadowing:{self.shadowing_id}"

    @property
    def contents(self) -> object:
        """The part that a copy repeats."""
        return self.ruleset_id, self.reason


class ShadowingEnded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The evaluation of a rule set in shadow ended.

    Attributes:
        after_position: Decisions up to this position of the log are judged.
    """

    TOPIC: ClassVar[str] = "shadowing-ended"
    shadowing_id: str
    by: Author
    after_position: int

    @property
    def key(self) -> str:
        """`shadowing-end:<id>`."""
        return f"shadowing-end:{self.shadowing_id}"

    @property
    def contents(self) -> object:
        """None: a copy only repeats the id."""
        return None


Change = RuleSetAdded | RuleSetActivated | ShadowingStarted | ShadowingEnded

_DECODERS: dict[str, msgspec.json.Decoder[Change]] = {
    kind.TOPIC: msgspec.json.Decoder(kind) for kind in get_args(Change)
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A change with its place in the rule book.

    Attributes:
        version: The rule book's version with it, from 1 without gaps.
        event_id: Unique for ever.
        recorded_at: The database's time, UTC.
    """

    version: int
    event_id: str
    recorded_at: datetime
    change: Change


class UnknownChangeError(RulesNotUnderstoodError):
    """The rule book holds a change that this version does not know."""


def encode_change(change: Change) -> bytes:
    """Encode a change as JSON."""
    return msgspec.json.encode(change)


def decode_change(version: int, topic: str, state: bytes) -> Change:
    """Revive a stored change.

    Raises:
        UnknownChangeError: Its kind, or what it says, is not one of this version's.
    """
    decoder = _DECODERS.get(topic)
    if decoder is None:
        raise UnknownChangeError(
            f"The rule book's version {version} is a {topic!r}.",
            why="This version has no such change; a newer one wrote it.",
            next_step="Run that version, or a newer one.",
        )
    try:
        return decoder.decode(state)
    except msgspec.DecodeError as error:
        raise UnknownChangeError(
            f"The rule book's version {version} is a {topic!r} that cannot be read.",
            why=f"A newer version wrote it, or it was altered: {error}.",
            next_step="Run the version that wrote it, or a newer one.",
        ) from error
