"""Finds that a process cannot go on by itself, so that it ends and its supervisor starts it again.

librdkafka waits until a time of the wall clock. If the clock is set back by an hour, a wait of a
quarter of a second lasts an hour, and no other thread can end it.
"""

import time
from collections.abc import Callable, Mapping

from txplatform.health import Health

LOOK_EVERY_S = 1.0
_CLOCK_BACK_S = 5
"""Smaller steps of the clock lengthen waits by so little that it does no harm."""

_HUNG_LOOKS = 5
"""The number of looks in a row at which a part hangs. After a freeze of the whole process, a part
goes on before so many looks."""


class Watchdog:
    """Looks at the clock and at the parts of a process.

    Args:
        health: Returns the health of each part, by name.
        wall: The wall clock, seconds.
        steady: A clock that nobody sets, seconds.
    """

    def __init__(
        self,
        health: Callable[[], Mapping[str, Health]],
        *,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._health = health
        self._wall, self._steady = wall, steady
        self._offset_s = wall() - steady()
        self._hung_looks = 0

    def look(self) -> str:
        """Return why the process cannot go on; empty if it can. Call this every `LOOK_EVERY_S`."""
        offset_s = self._wall() - self._steady()
        back_s, self._offset_s = self._offset_s - offset_s, offset_s
        if back_s > _CLOCK_BACK_S:
            return f"the clock was set back by {back_s:.0f} s, which the Kafka client waits out"
        hung = [f"{name}: {each.detail}" for name, each in self._health().items() if each.hung]
        self._hung_looks = self._hung_looks + 1 if hung else 0
        return ", ".join(hung) if self._hung_looks == _HUNG_LOOKS else ""
