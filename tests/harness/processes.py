"""Our own commands as real processes: started, asked to stop, killed, frozen; never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.waiting import wait_until

STOP_WITHIN_S = 10
"""Every long-running command stops cleanly on SIGTERM within this (docs/contracts.md)."""


class Command:
    """One `txplatform …` process; leaving the context kills it where it still runs."""

    def __init__(self, *words: str, env: Mapping[str, str]) -> None:
        self.words = words
        self._env = {
            **{name: value for name, value in os.environ.items() if "TXPLATFORM_" not in name},
            **env,
        }
        self._folder = tempfile.TemporaryDirectory(prefix="txplatform-command-")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        if error is not None:
            sys.stderr.write(f"\n--- {' '.join(self.words)}\n{self.stderr[-4000:]}\n")
        self._folder.cleanup()

    def start(self) -> Self:
        """Start it; see `wait_ready`."""
        with (
            Path(self._folder.name, "out").open("wb") as out,
            Path(self._folder.name, "err").open("wb") as err,
        ):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "txplatform.cli", *self.words],
                env=self._env,
                stdout=out,
                stderr=err,
                cwd=self._folder.name,
                start_new_session=True,
            )
        return self

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def stdout(self) -> str:
        """What it has printed so far."""
        return Path(self._folder.name, "out").read_text()

    @property
    def stderr(self) -> str:
        """Its progress and log lines so far."""
        return Path(self._folder.name, "err").read_text()

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        assert self._process is not None
        return self._process.poll()

    def wait_ready(self, timeout_s: float = 120) -> Self:
        """Wait for the line that says it is ready."""

        def ready() -> bool:
            if self.exit_code is not None:
                raise AssertionError(f"{self.words} ended with {self.exit_code}: {self.stderr}")
            return "txplatform ready" in self.stderr

        wait_until(ready, timeout_s=timeout_s, message=f"{' '.join(self.words)} to be ready")
        return self

    def stop(self) -> int:
        """SIGTERM; gives the exit code.

        Raises:
            subprocess.TimeoutExpired: It did not stop in time.
        """
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOP_WITHIN_S)

    def wait(self, timeout_s: float = 120) -> int:
        """Wait for its end; gives the exit code."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def kill(self) -> None:
        """SIGKILL, to it and the processes it started."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_WITHIN_S)

    def freeze(self) -> None:
        """Freeze it and the processes it started (SIGSTOP); they no longer run on return."""
        os.killpg(self.pid, signal.SIGSTOP)
        wait_frozen(self.pid)

    def thaw(self) -> None:
        """SIGCONT."""
        os.killpg(self.pid, signal.SIGCONT)


def wait_frozen(child_pid: int) -> None:
    """Wait until SIGSTOP has stopped all threads of a child process.

    A busy machine takes a while to deliver the signal, and the process works on until then.
    """
    os.waitid(os.P_PID, child_pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)


def run_command(
    *words: str, env: Mapping[str, str], timeout_s: float = 120
) -> tuple[int, str, str]:
    """Run a command to its end; gives exit code, stdout and stderr."""
    with Command(*words, env=env) as command:
        code = command.wait(timeout_s)
        return code, command.stdout, command.stderr
