"""The changes of the rule book; stored for ever, as an account's events are."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, ClassVar

import orjson

from txplatform.domain.rulesets import RulesNotUnderstoodError, ruleset_id


@dataclass(frozen=True, slots=True)
class RuleSetAdded:
    """A rule set was added; it can be activated and shadowed, and never changes.

    Attributes:
        ruleset: Its canonical JSON, as a value.
        content_hash: SHA-256 of that, hexadecimal.
        by: Who did it.
    """

    TOPIC: ClassVar[str] = "ruleset-added"
    ruleset: dict[str, Any]
    content_hash: str
    by: str

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


@dataclass(frozen=True, slots=True)
class RuleSetActivated:
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
    by: str
    after_position: int

    @property
    def key(self) -> str:
        """`activation:<id>`."""
        return f"activation:{self.activation_id}"

    @property
    def contents(self) -> object:
        """The part that a copy repeats."""
        return self.ruleset_id, self.reason


@dataclass(frozen=True, slots=True)
class ShadowingStarted:
    """The evaluation of a rule set in shadow began; it replaces the one before.

    Attributes:
        by: Who did it, and `reason` why.
        after_position: Decisions behind this position of the log are judged.
    """

    TOPIC: ClassVar[str] = "shadowing-started"
    shadowing_id: str
    ruleset_id: str
    reason: str
    by: str
    after_position: int

    @property
    def key(self) -> str:
        """`shadowing:<id>`."""
        return f"shadowing:{self.shadowing_id}"

    @property
    def contents(self) -> object:
        """The part that a copy repeats."""
        return self.ruleset_id, self.reason


@dataclass(frozen=True, slots=True)
class ShadowingEnded:
    """The evaluation of a rule set in shadow ended.

    Attributes:
        after_position: Decisions up to this position of the log are judged.
    """

    TOPIC: ClassVar[str] = "shadowing-ended"
    shadowing_id: str
    by: str
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

_CHANGES: dict[str, type[Change]] = {
    change.TOPIC: change
    for change in (RuleSetAdded, RuleSetActivated, ShadowingStarted, ShadowingEnded)
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
    return orjson.dumps(asdict(change))


def decode_change(version: int, topic: str, state: bytes) -> Change:
    """Revive a stored change.

    Raises:
        UnknownChangeError: Its kind, or what it says, is not one of this version's.
    """
    kind = _CHANGES.get(topic)
    if kind is None:
        raise UnknownChangeError(
            f"The rule book's version {version} is a {topic!r}.",
            why="This version has no such change; a newer one wrote it.",
            next_step="Run that version, or a newer one.",
        )
    try:
        return kind(**orjson.loads(state))
    except TypeError as error:
        raise UnknownChangeError(
            f"The rule book's version {version} is a {topic!r} that cannot be read.",
            why=f"A newer version wrote it, or it was altered: {error}.",
            next_step="Run the version that wrote it, or a newer one.",
        ) from error
