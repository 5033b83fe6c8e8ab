"""Runs a command that ends when its parent does, however the parent ends.

Used as `python -m txplatform.demo.child PARENT_PID USER SIGNAL COMMAND…`: becomes the command.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""Linux, prctl(2); elsewhere a killed parent's children are stopped by the next start."""


def main() -> None:
    """Change to the user, tie the life to the parent's, and become the command."""
    parent, user, death_signal, *command = sys.argv[1:]
    if user:
        entry = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    if sys.platform == "linux":
        # After the change of user, which would clear it.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.Signals[death_signal].value)
    if os.getppid() == int(parent):
        os.execv(command[0], command)  # noqa: S606  # becoming the command is the point


if __name__ == "__main__":
    main()
