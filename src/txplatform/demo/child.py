"""Run a command that is signalled as soon as its parent process dies (on Linux).

Usage: `python -m txplatform.demo.child PARENT_PID USER SIGNAL COMMAND…`. The command runs in the
same process (`exec`).
"""

import ctypes
import os
import pwd
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""prctl(2), Linux only. On other systems, the next start stops the PostgreSQL of a killed demo."""


def main() -> None:
    """Switch to the user, request the death signal, and run the command if the parent is alive."""
    parent, user, death_signal, *command = sys.argv[1:]
    if user:
        entry = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    if sys.platform == "linux":
        # Requested after switching the user, since switching clears the request.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.Signals[death_signal].value)
    if os.getppid() == int(parent):
        os.execv(command[0], command)  # noqa: S606  # the caller chooses the command


if __name__ == "__main__":
    main()
