"""The root of every error this package raises on purpose.

Each says what went wrong, why, and what to do next; only the edges (API, command
line, consumers) translate one into their own protocol.
"""


class TxPlatformError(Exception):
    """Something went wrong that a caller or an operator can act on.

    Args:
        what: What happened, in one sentence.
        why: The cause, as far as it is known here.
        next_step: What to do about it.
    """

    def __init__(self, what: str, *, why: str = "", next_step: str = "") -> None:
        super().__init__(" ".join(part for part in (what, why, next_step) if part))
        self.what = what
        self.why = why
        self.next_step = next_step
