"""Start, check and stop the demo's child processes, each with its own log file."""

import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import time

from txplatform.errors import TxPlatformError

_BELOW_EPHEMERAL = range(15_000, 32_000)
"""Ports below the ephemeral range. The system could give an ephemeral port to any connection before
the process listens on it."""
_CHANCE = random.SystemRandom()
"""A separate generator, because the one that shuffles tests has the same seed in every process."""
_STOP_S = 12
_SHOWN_LINES = 15
_RECENT_S = 10


def free_port() -> int:
    """Return a TCP port of the loopback interface that is currently unused."""
    while True:
        port = _CHANCE.choice(_BELOW_EPHEMERAL)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue  # in use
            return port


def refuse_taken(ports: Mapping[str, int]) -> None:
    """Check that no other program listens on these ports of the loopback interface.

    Args:
        ports: Each part's port.

    Raises:
        PortTakenError: At least one port is in use.
    """
    taken = []
    for part, port in ports.items():
        with socket.socket() as probe:
            # As servers do: connections of a demo that has just ended do not matter.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                taken.append(f"{port} ({part}: {error.strerror})")
    if taken:
        raise PortTakenError(
            f"The demo cannot listen on {', '.join(taken)}.",
            why="Another program uses the port, such as another demo.",
            next_step="Stop it, or choose other ports with --port; --port 0 takes free ones.",
        )


class PortTakenError(TxPlatformError):
    """Raised if a port of the demo is in use."""


class ChildDiedError(TxPlatformError):
    """Raised if a child process ended unexpectedly."""


class Child:
    """A child process of the demo, started by the constructor; on Linux, it dies with the demo."""

    def __init__(  # noqa: PLR0913  # everything a process needs
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        user: str = "",
        death_signal: str = "SIGTERM",
    ) -> None:
        self.name = name
        self._log = log
        wrapper = [sys.executable, "-m", "txplatform.demo.child", str(os.getpid()), user]
        with log.open("ab") as output:
            self._log_before = output.tell()
            self._process = subprocess.Popen(  # noqa: S603  # our own commands
                [*wrapper, death_signal, *command],
                env=None if env is None else {**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Keeps Ctrl-C from reaching the child: the demo stops its children in order.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id; it stays the same when `demo/child.py` becomes the command."""
        return self._process.pid

    def check(self) -> None:
        """Raise ChildDiedError, with the last lines of the log, if the process has ended."""
        code = self._process.poll()
        if code is not None:
            how = (
                f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
            )
            raise ChildDiedError(
                f"The {self.name} {how}.",
                why=self._recent_output(),
                next_step=f"Run `make demo` again; the data is kept. The full log is {self._log}.",
            )

    def _recent_output(self) -> str:
        """Return the last lines of the log, unless they are too old to explain the exit."""
        with self._log.open("rb") as log:
            log.seek(self._log_before)
            lines = log.read().decode(errors="replace").splitlines()[-_SHOWN_LINES:]
        if not lines or time() - self._log.stat().st_mtime > _RECENT_S:
            return "Its log does not contain the reason."
        return "Its last output:\n" + "\n".join(lines) + "\n"

    def stop(self, signal_number: signal.Signals = signal.SIGTERM) -> None:
        """Send the signal and wait; kill the process if it does not stop in time."""
        if self._process.poll() is None:
            self._process.send_signal(signal_number)
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
