"""The rule set that a process decides by: read again before a batch when it may have changed."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from txplatform.domain.rulesets import DEFAULT_RULESET
from txplatform.rulebook.book import RuleBook
from txplatform.rulebook.store import READ_CHANGES, entries
from txplatform.telemetry import logger

if TYPE_CHECKING:
    import psycopg

    from txplatform.domain.rulesets import RuleSet

MAX_AGE_S = 0.5
"""How old what was read may be when a batch is decided: an activation is in force within it."""


class RulesInForce:
    """Follows the rule book, one small read every half second while there is something to decide.

    Whoever decides asks once a batch and decides all of it by what it is given, so nothing is
    decided by a mixture. Where the rule book cannot be read nothing is decided.
    """

    def __init__(self, max_age_s: float = MAX_AGE_S) -> None:
        self._max_age_s = max_age_s
        self._book = RuleBook()
        self._active = DEFAULT_RULESET
        self._read_at = float("-inf")
        self._log = logger("rules")

    @property
    def active_id(self) -> str:
        """Of the rule set that the last batch was decided by."""
        return self._active.id

    async def ruleset(self, connection: psycopg.AsyncConnection) -> RuleSet:
        """What to decide a batch by.

        Raises:
            UnknownChangeError, UnreadableRuleSetError: A newer version wrote what is in force.
            psycopg.OperationalError: The rule book cannot be read.
        """
        now = monotonic()
        if now - self._read_at > self._max_age_s:
            cursor = await connection.execute(READ_CHANGES, (self._book.version,), prepare=True)
            new = entries(await cursor.fetchall())
            if new:
                self._book.fold(new)
            active = self._book.active
            if active is not self._active:
                self._log.info("rule set in force", ruleset=active.id, before=self._active.id)
            self._active, self._read_at = active, now
        return self._active
