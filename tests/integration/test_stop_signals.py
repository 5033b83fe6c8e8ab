"""A process that is told to stop does so, whenever it is told and however often."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

_WORKER = """
import sys
from prometheus_client import CollectorRegistry
from txplatform.worker import Health, run_parts

class Part:
    name = "part"
    def run(self, stop):
        stop.wait()
        sys.stdin.read()  # is slow to stop
    def health(self):
        return Health(ready=True, detail="")

sys.exit(run_parts([Part()], registry=CollectorRegistry(), health_port=None))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_told_to_stop_over_and_over_stops_in_order(number: signal.Signals) -> None:
    """A signal may come in the middle of what the one before it has begun."""
    with subprocess.Popen(
        [sys.executable, "-c", _WORKER], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stderr is not None
        assert worker.stdin is not None
        assert "ready" in worker.stderr.readline()
        try:
            for _ in range(5000):
                worker.send_signal(number)
            worker.stdin.close()
            assert worker.wait(20) == 0
        finally:
            worker.kill()
