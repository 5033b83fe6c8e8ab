"""Free TCP ports on the loopback interface."""

import random
import socket

_BELOW_EPHEMERAL = range(15_000, 32_000)
"""Ports below the ephemeral range. The system could give an ephemeral port to a connection of
another test after `free_port` has found the port unused."""

_CHANCE = random.SystemRandom()
"""A separate generator, because the one that shuffles tests has the same seed in every process."""


def free_port() -> int:
    """Return a port that is currently unused."""
    while True:
        port = _CHANCE.choice(_BELOW_EPHEMERAL)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue  # in use
            return port
