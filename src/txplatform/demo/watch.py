"""The status line that the demo prints every second."""

from collections import Counter

import httpx
from prometheus_client.parser import text_string_to_metric_families

from txplatform.simulation.runner import Sent


class LiveLine:
    """Builds the status line from the simulator's counts and the worker's metrics."""

    def __init__(self, worker_url: str) -> None:
        self._worker_url = worker_url
        self._before = 0

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
            f"{sent.day}  {rate:6.0f} decisions/s  approved {approved}"
            f"  declined {decided - approved} ({declined or 'none'})"
            f"  payments applied {applied}  lag {lag}"
        )

    def _measured(self) -> tuple[int | str, int | str]:
        try:
            text = httpx.get(f"{self._worker_url}/metrics", timeout=1).text
        except httpx.TransportError:
            return "?", "?"
        totals: Counter[str] = Counter()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = sample.labels
                if "_lag_" in sample.name:
                    totals["lag"] += int(sample.value)
                elif (
                    sample.name == "txplatform_inbound_messages_total"
                    and labels.get("status") == "applied"
                    and labels.get("topic", "").startswith("payments.payment-submitted")
                ):
                    totals["applied"] += int(sample.value)
        return totals["applied"], totals["lag"]
