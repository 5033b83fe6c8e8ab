"""A fault that lasts is logged when it begins, then once a minute, and when it ends."""

from __future__ import annotations

from types import SimpleNamespace

import structlog
from structlog.testing import capture_logs

from txplatform.telemetry import FaultLog, logger

REFUSED, TIMEOUT = ConnectionError("refused\n"), TimeoutError("timed out")


def test_a_lasting_fault_is_logged_once_then_counted() -> None:
    structlog.reset_defaults()
    clock = SimpleNamespace(now=0.0)
    with capture_logs() as lines:
        faults = FaultLog(logger("test"), clock=lambda: clock.now)
        faults.succeeded()
        for second in range(0, 90, 2):
            clock.now = float(second)
            faults.failed(TIMEOUT if second % 4 else REFUSED)
        clock.now = 90.0
        faults.succeeded()
        faults.succeeded()
        faults.failed(REFUSED)
    told = [
        (line["event"], line.get("error"), line.get("times", line.get("failures")))
        for line in lines
    ]
    assert told == [
        ("cannot continue, will retry", "refused", None),
        ("cannot continue, will retry", "timed out", 2),
        ("cannot continue, will retry", "refused", 31),
        ("cannot continue, will retry", "timed out", 32),
        ("continues", None, 45),
        ("cannot continue, will retry", "refused", None),
    ]
    assert lines[4]["lasted_s"] == 90.0


def test_an_unexpected_error_has_its_traceback_but_once() -> None:
    structlog.reset_defaults()
    with capture_logs() as lines:
        faults = FaultLog(logger("test"))
        for _ in range(3):
            faults.failed(REFUSED, unexpected=True)
    (line,) = lines
    assert (line["log_level"], line["exc_info"]) == ("error", REFUSED)
