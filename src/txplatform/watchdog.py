"""Find out that a process cannot continue, so that it exits and its supervisor restarts it.

librdkafka waits until a time of the wall clock. If the clock is set back by an hour, a wait of a
quarter of a second lasts an hour, and no other thread can end it.
"""

import time
from collections.abc import Callable, Mapping

from txplatform.health import Health

LOOK_EVERY_S = 1.0
_CLOCK_BACK_S = 5
"""The largest step back that is tolerated: it lengthens a wait by no more."""

_HUNG_LOOKS = 5
"""The number of looks in a row that must find a part hanging.

After a freeze of the whole process, the first look may find that, before the part has continued.
"""


class Watchdog:
    """Detects that the clock was set back, or that a part of the process hangs.

    Args:
        health: Returns the health of each part, by name.
        wall: Returns the time of the wall clock, seconds.
        steady: Returns the time of a clock that is never set, seconds.
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
        """Return why the process cannot continue; empty if it can.

        Call this every `LOOK_EVERY_S` seconds.
        """
        offset_s = self._wall() - self._steady()
        back_s, self._offset_s = self._offset_s - offset_s, offset_s
        if back_s > _CLOCK_BACK_S:
            return f"the clock was set back by {back_s:.0f} s, which the Kafka client waits out"
        hung = [f"{name}: {each.detail}" for name, each in self._health().items() if each.hung]
        self._hung_looks = self._hung_looks + 1 if hung else 0
        return ", ".join(hung) if self._hung_looks == _HUNG_LOOKS else ""
