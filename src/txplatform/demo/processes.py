"""The demo's child processes: started with their log in a file, watched, stopped in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import time

from txplatform.errors import TxPlatformError

_STOP_S = 12
_SHOWN_LINES = 15
_RECENT_S = 10


class ChildDiedError(TxPlatformError):
    """A child process ended that should not have."""


class Child:
    """One process of the demo."""

    def __init__(  # noqa: PLR0913  # what a process needs
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
                # Ctrl-C is for the demo itself, which stops the others in their order.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Of the command: it takes the place of what started it."""
        return self._process.pid

    def check(self) -> None:
        """See that it still runs.

        Raises:
            ChildDiedError: It has ended; with the last lines of its log, where it says why.
        """
        code = self._process.poll()
        if code is not None:
            how = (
                f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
            )
            raise ChildDiedError(
                f"The {self.name} {how}.",
                why=self._last_words(),
                next_step=f"Run `make demo` again: the data stays. The whole log is {self._log}.",
            )

    def _last_words(self) -> str:
        """What it has just written; older lines do not tell why it ended."""
        with self._log.open("rb") as log:
            log.seek(self._log_before)
            lines = log.read().decode(errors="replace").splitlines()[-_SHOWN_LINES:]
        if not lines or time() - self._log.stat().st_mtime > _RECENT_S:
            return "Its log does not say why."
        return "Its last words:\n" + "\n".join(lines) + "\n"

    def stop(self, signal_number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to stop, and wait; kill it where it does not."""
        if self._process.poll() is None:
            self._process.send_signal(signal_number)
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
