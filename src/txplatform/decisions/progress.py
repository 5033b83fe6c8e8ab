"""The progress of a lane: its appends say if decisions succeed."""

from collections.abc import Callable
from time import monotonic

from txplatform.database import in_words

SLOW_S = 2.0
"""A lane that has work and appends nothing for longer than this does not decide."""

RECENT_S = 5.0
"""The time for which a failure counts after the lane has become idle."""


class Progress:
    """The progress of one lane.

    Attributes:
        appended_at: The time of the last successful append, in seconds of `now`; initially -inf.
    """

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._working_since: float | None = None
        self._failing_since: float | None = None
        self._failed_at = float("-inf")
        self._failure = ""
        self.appended_at = float("-inf")

    def begin(self) -> None:
        """Note that the lane begins a batch."""
        self._working_since = self._now()
        if not self._failed_recently:
            self._failing_since = None

    def append(self) -> None:
        """Note a successful append."""
        self._failing_since = None
        self._working_since = self.appended_at = self._now()

    def fail(self, error: Exception) -> None:
        """Note that an attempt failed although no request was to blame."""
        self._failed_at = self._now()
        self._failure = in_words(error)
        self._failing_since = self._failing_since or self._working_since

    def end(self) -> None:
        """Note the end of the batch."""
        self._working_since = None

    def fault(self) -> str:
        """Return why decisions do not succeed, as sentences; empty if they do, or none is due."""
        failing_since = self._failing_since if self._failed_recently else None
        starts = [since for since in (failing_since, self._working_since) if since is not None]
        waiting_s = self._now() - min(starts, default=self._now())
        if waiting_s <= SLOW_S:
            return ""
        why = f" The last attempt failed: {self._failure}." if failing_since is not None else ""
        return f"No decision has succeeded for {waiting_s:.0f} s.{why}"

    @property
    def _failed_recently(self) -> bool:
        return self._now() - self._failed_at <= RECENT_S
