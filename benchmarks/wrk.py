"""wrk as a second load generator, if it is installed: a closed loop without a warm-up."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.load import BODY, Load, Measured, measured_from

_SCRIPT = """
wrk.method = "POST"
wrk.path = "{path}"
wrk.headers["Authorization"] = "Bearer {key}"
wrk.headers["Content-Type"] = "application/json"

local number = 0

function request()
  number = number + 1
  local body = string.format('{body}', number, math.random(0, {accounts} - 1))
  return wrk.format(nil, nil, nil, body)
end

function done(summary, latency)
  local errors = summary.errors
  io.write("\\n", string.format(
    '{{"per_second": %.1f, "p50": %.3f, "p95": %.3f, "p99": %.3f, "responses": %d, "failed": %d}}',
    1e6 * summary.requests / summary.duration,
    latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000,
    summary.requests,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout), "\\n")
end
"""


_TIMEOUT = "10s"
"""A later response counts as failed. wrk's default is 2 s, which a busy machine may need."""


def is_installed() -> bool:
    """Return whether wrk is installed."""
    return shutil.which("wrk") is not None


def run_wrk(load: Load) -> Measured:
    """Run a closed loop of purchases on random accounts with one thread of wrk."""
    body = BODY % (f"{load.run}-%d", f"{load.prefix}-%d")
    script = _SCRIPT.format(path=load.path, key=load.key, body=body, accounts=load.accounts)
    (port,) = load.ports
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "purchases.lua")
        file.write_text(script)
        done = subprocess.run(
            [
                *("wrk", "-t1", f"-c{load.connections}", f"-d{max(1, round(load.seconds))}s"),
                *("--timeout", _TIMEOUT, "-s", str(file), f"http://127.0.0.1:{port}"),
            ],
            capture_output=True,
            check=True,
            text=True,
        )
    return measured_from(done.stdout.splitlines()[-1])
