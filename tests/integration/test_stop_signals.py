"""Workers stop cleanly, however many stop signals they get."""

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

sys.exit(run_parts([Part()], registry=CollectorRegistry(), listening=None))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_gets_thousands_of_stop_signals_stops_in_order(
    number: signal.Signals,
) -> None:
    """A signal may interrupt the handler of an earlier signal."""
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
