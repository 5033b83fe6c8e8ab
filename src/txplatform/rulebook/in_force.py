"""The rule set in force, read again before a batch if it may have changed."""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic

import psycopg

from txplatform.domain.rulesets import DEFAULT_RULESET, RuleSet, RulesNotUnderstoodError
from txplatform.rulebook.book import RuleBook
from txplatform.rulebook.store import READ_CHANGES, ChangeRow, entries
from txplatform.telemetry import logger

MAX_AGE_S = 0.5
"""The greatest age of the rule set at a decision: an activation is in force within it."""
_WARN_EVERY_S = 60.0


class RulesInForce:
    """Follows the rule book with one small read every half second while requests come.

    A caller asks once a batch and decides the whole batch by one rule set. Several callers may
    read at the same time; an older read never replaces a newer one.
    """

    def __init__(self, max_age_s: float = MAX_AGE_S) -> None:
        self._max_age_s = max_age_s
        self._book = RuleBook()
        self._rules: RuleSet | RulesNotUnderstoodError = DEFAULT_RULESET
        self._read_at = self._warn_at = float("-inf")
        self._log = logger("rules")

    @property
    def version(self) -> int:
        """The rule book's version, as far as it is known and understood."""
        return self._book.version

    @property
    def active_id(self) -> str | None:
        """The id of the rule set in force, understood or not; None before the first read."""
        return None if self._read_at == float("-inf") else self._book.active_id

    @property
    def not_understood(self) -> RulesNotUnderstoodError | None:
        """The reason why no purchase can be decided, if there is one."""
        return None if isinstance(self._rules, RuleSet) else self._rules

    async def current(
        self, connection: psycopg.AsyncConnection
    ) -> RuleSet | RulesNotUnderstoodError:
        """Return the rule set for a batch, or why nothing that needs one can be decided.

        Raises:
            psycopg.OperationalError: The rule book cannot be read.
        """
        asked_at = monotonic()
        while asked_at - self._read_at > self._max_age_s:  # again if it is forgotten meanwhile
            behind = self.version
            cursor = await connection.execute(READ_CHANGES, (behind,), prepare=True)
            self.take(await cursor.fetchall(), asked_at, behind=behind)
        return self._rules

    def forget(self) -> None:
        """Read the whole rule book again before the next decision.

        Another server may have taken over, without the last changes of the one before it.
        """
        self._book, self._rules, self._read_at = RuleBook(), DEFAULT_RULESET, float("-inf")

    def take(self, rows: Iterable[ChangeRow], asked_at: float, *, behind: int) -> None:
        """Apply the rows of `READ_CHANGES`.

        Args:
            rows: May hold what others have read in the meantime.
            asked_at: `monotonic` seconds: it is as new as that at least.
            behind: The `version` it was asked for; where less is known by now, since it was
                forgotten, the rows are of no use.
        """
        if behind > self.version:
            return
        before = self._book.active_id
        new = [row for row in rows if row[0] > self._book.version]
        if new:
            try:
                self._rules = self._book.fold(entries(new)).active
            except RulesNotUnderstoodError as error:
                self._rules = error
        self._read_at = max(self._read_at, asked_at)
        if not isinstance(self._rules, RuleSet):
            if asked_at >= self._warn_at:
                self._warn_at = asked_at + _WARN_EVERY_S
                self._log.warning("no purchase can be decided", error=str(self._rules))
        elif self._book.active_id != before:
            self._log.info("rule set in force", ruleset=self._book.active_id, before=before)
