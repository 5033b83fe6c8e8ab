"""The rule set in force, from a copy of the rule book that is at most half a second old."""

from collections.abc import Iterable
from time import monotonic

import psycopg

from txplatform.domain.rulesets import DEFAULT_RULESET, RuleSet, RulesNotUnderstoodError
from txplatform.rulebook.book import RuleBook
from txplatform.rulebook.store import READ_CHANGES, ChangeRow, entry_of
from txplatform.telemetry import logger

MAX_AGE_S = 0.5
"""The maximum age of the rule set at a decision, and so the longest delay of an activation."""
_WARN_EVERY_S = 60.0


class RulesInForce:
    """Caches the rule book, and reads new changes every half second while requests arrive.

    A caller asks once per batch, so that one rule set decides the whole batch. Several callers may
    ask at the same time: an older result never replaces a newer result.
    """

    def __init__(self, max_age_s: float = MAX_AGE_S) -> None:
        self._max_age_s = max_age_s
        self._book = RuleBook()
        self._rules: RuleSet | RulesNotUnderstoodError = DEFAULT_RULESET
        self._read_at = self._warn_at = float("-inf")
        self._log = logger("rules")

    @property
    def version(self) -> int:
        """The version of the last rule book change applied here."""
        return self._book.version

    @property
    def active_id(self) -> str | None:
        """The id of the rule set in force, readable or not; None before the first read."""
        return None if self._read_at == float("-inf") else self._book.active_id

    @property
    def not_understood(self) -> RulesNotUnderstoodError | None:
        """The error that prevents decisions; None if purchases can be decided."""
        return None if isinstance(self._rules, RuleSet) else self._rules

    async def current(
        self, connection: psycopg.AsyncConnection
    ) -> RuleSet | RulesNotUnderstoodError:
        """Return the rule set for a batch, or the error if the rule set cannot be used.

        Raises:
            psycopg.OperationalError: The rule book cannot be read.
        """
        asked_at = monotonic()
        while asked_at - self._read_at > self._max_age_s:  # again after a concurrent forget()
            after = self.version
            cursor = await connection.execute(READ_CHANGES, (after,), prepare=True)
            self.take(await cursor.fetchall(), asked_at, after=after)
        return self._rules

    def forget(self) -> None:
        """Drop the cached rule book, so that the next decision reads all of it again.

        After a failover, the new server may lack the old server's last changes.
        """
        self._book, self._rules, self._read_at = RuleBook(), DEFAULT_RULESET, float("-inf")

    def take(self, rows: Iterable[ChangeRow], asked_at: float, *, after: int) -> None:
        """Apply the rows of `READ_CHANGES` that no other caller has applied yet.

        Args:
            rows: The changes with versions above `after`.
            asked_at: The `monotonic` time before the rows were read, in seconds.
            after: The version that the query started from. Rows that were read before a call of
                `forget` are ignored.
        """
        if after > self.version:
            return
        before = self._book.active_id
        new = [row for row in rows if row[0] > self._book.version]
        if new:
            try:
                self._rules = self._book.fold(map(entry_of, new)).active
            except RulesNotUnderstoodError as error:
                self._rules = error
        self._read_at = max(self._read_at, asked_at)
        if not isinstance(self._rules, RuleSet):
            if asked_at >= self._warn_at:
                self._warn_at = asked_at + _WARN_EVERY_S
                self._log.warning("no purchase can be decided", error=str(self._rules))
        elif self._book.active_id != before:
            self._log.info("rule set in force", ruleset=self._book.active_id, before=before)
