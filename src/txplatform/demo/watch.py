"""The status line that the demo prints every second."""

from collections import Counter, deque
from datetime import date

import httpx
from prometheus_client.parser import text_string_to_metric_families

from txplatform.simulation.runner import Sent

_LINES = 10
"""The lines over which the speed is measured."""
_TOLERATED = 0.9


class LiveLine:
    """Builds the status line from the simulator's counts and the worker's metrics.

    Args:
        worker_url: The base URL of the worker's metrics.
        asked: The simulated days per second that were asked for; 0 for as many as possible.
    """

    def __init__(self, worker_url: str, asked: float) -> None:
        self._worker_url = worker_url
        self._asked = asked
        self._before = 0
        self._seconds = 0.0
        self._days: deque[tuple[float, date]] = deque(maxlen=_LINES + 1)

    def line(self, sent: Sent, seconds: float) -> str:
        """Return the line; `seconds` is the time since the previous line."""
        decided = sent.decisions.total()
        rate, self._before = (decided - self._before) / seconds, decided
        approved = sent.decisions["approved"]
        declined = ", ".join(
            f"{reason} {count}"
            for reason, count in sorted(sent.decisions.items())
            if reason != "approved"
        )
        applied, lag = self._measured()
        return (
            f"{sent.day}  {self._speed(sent.day, seconds)}  {rate:6.0f} decisions/s"
            f"  approved {approved}"
            f"  declined {decided - approved} ({declined or 'none'})"
            f"  payments applied {applied}  lag {lag}"
        )

    def _speed(self, day: str, seconds: float) -> str:
        """Return the simulated days per second, and what was asked for if that is not reached."""
        self._seconds += seconds
        self._days.append((self._seconds, date.fromisoformat(day)))
        (since, first), (now, last) = self._days[0], self._days[-1]
        if now == since:
            return "… days/s"
        speed = (last - first).days / (now - since)
        slow = len(self._days) > _LINES and speed < _TOLERATED * self._asked
        return f"{speed:.1f}{f' of {self._asked:g}' if slow else ''} days/s"

    def _measured(self) -> tuple[int | str, int | str]:
        try:
            text = httpx.get(f"{self._worker_url}/metrics", timeout=1).text
        except httpx.TransportError:
            return "?", "?"
        totals: Counter[str] = Counter()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = sample.labels
                if sample.name.endswith(("_lag_positions", "_lag_messages")):
                    totals["lag"] += int(sample.value)
                elif (
                    sample.name == "txplatform_inbound_messages_total"
                    and labels.get("status") == "applied"
                    and labels.get("topic", "").startswith("payments.payment-submitted")
                ):
                    totals["applied"] += int(sample.value)
        return totals["applied"], totals["lag"]
