"""`txplatform` and `txbank` commands as processes that tests can stop, kill and freeze."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.waiting import wait_until

STOP_WITHIN_S = 10
"""The time in which every long-running command must stop on SIGTERM (docs/contracts.md)."""


class Command:
    """A process of a program. Leaving the context kills the process if it still runs.

    Args:
        words: The command's arguments.
        env: Its environment, beside that of the tests.
        program: The program.
        stdin: Its standard input.
        wrapper: A command that runs the program, such as `nice`.
    """

    def __init__(
        self,
        *words: str,
        env: Mapping[str, str],
        program: str = "txplatform",
        stdin: bytes = b"",
        wrapper: Sequence[str] = (),
    ) -> None:
        self.words = words
        self._wrapper = wrapper
        self._stdin = stdin
        self._program = program
        self._env = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("TXPLATFORM_", "TXBANK_"))
            },
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

    def start(self, **env: str) -> Self:
        """Start the process without waiting until it is ready (see `wait_ready`).

        Args:
            env: Environment variables that change, from this start on.
        """
        self._env |= env
        given = Path(self._folder.name, "in")
        given.write_bytes(self._stdin)
        with (
            given.open("rb") as stdin,
            Path(self._folder.name, "out").open("wb") as out,
            Path(self._folder.name, "err").open("wb") as err,
        ):
            self._process = subprocess.Popen(
                [*self._wrapper, sys.executable, "-m", f"{self._program}.cli", *self.words],
                env=self._env,
                stdin=stdin,
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
        """The standard output so far."""
        return Path(self._folder.name, "out").read_text()

    @property
    def stderr(self) -> str:
        """The progress and log lines so far."""
        return Path(self._folder.name, "err").read_text()

    @property
    def exit_code(self) -> int | None:
        """The exit code, or None while the process runs."""
        assert self._process is not None
        return self._process.poll()

    def wait_ready(self, timeout_s: float = 120) -> Self:
        """Wait until the process reports that it is ready."""

        def ready() -> bool:
            if self.exit_code is not None:
                raise AssertionError(f"{self.words} ended with {self.exit_code}: {self.stderr}")
            return f"{self._program} ready" in self.stderr

        wait_until(ready, timeout_s=timeout_s, message=f"{' '.join(self.words)} to be ready")
        return self

    def stop(self) -> int:
        """Stop the process with SIGTERM and return its exit code.

        Raises:
            subprocess.TimeoutExpired: The process did not stop in time.
        """
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOP_WITHIN_S)

    def wait(self, timeout_s: float = 120) -> int:
        """Wait until the process ends, and return its exit code."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def kill(self) -> None:
        """Kill the process and its children with SIGKILL."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_WITHIN_S)

    def freeze(self) -> None:
        """Freeze the process and its children with SIGSTOP, and wait until the process stops."""
        os.killpg(self.pid, signal.SIGSTOP)
        wait_frozen(self.pid)

    def thaw(self) -> None:
        """Resume the process and its children with SIGCONT."""
        os.killpg(self.pid, signal.SIGCONT)


def wait_frozen(child_pid: int) -> None:
    """Wait until SIGSTOP has stopped all threads of a child process.

    On a busy machine, the process keeps running for a while before the signal takes effect.
    """
    os.waitid(os.P_PID, child_pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)


def run_command(
    *words: str,
    env: Mapping[str, str],
    timeout_s: float = 120,
    program: str = "txplatform",
    stdin: bytes = b"",
    wrapper: Sequence[str] = (),
) -> tuple[int, str, str]:
    """Run a command to its end, and return its exit code, stdout and stderr."""
    with Command(*words, env=env, program=program, stdin=stdin, wrapper=wrapper) as command:
        code = command.wait(timeout_s)
        return code, command.stdout, command.stderr
