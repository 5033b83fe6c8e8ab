"""Free TCP ports on the loopback interface."""

import random
import socket

_BELOW_EPHEMERAL = range(15_000, 32_000)
"""Where no system takes ports for outgoing connections: one of those could be given to a
connection of another test between being found free and being listened on."""

_CHANCE = random.SystemRandom()
"""Not the generator that tests are shuffled by, which begins alike in every process of a run."""


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    while True:
        port = _CHANCE.choice(_BELOW_EPHEMERAL)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue  # somebody has it
            return port
