"""The base class of this package's errors.

Each error says what happened, why, and what to do next. Only the API, the command line and the
consumers translate errors into their own protocol.
"""


class TxPlatformError(Exception):
    """An error that a caller or an operator can act on.

    Args:
        what: What went wrong, in one sentence.
        why: The cause, if it is known.
        next_step: What the caller or the operator should do.
    """

    def __init__(self, what: str, *, why: str = "", next_step: str = "") -> None:
        super().__init__(" ".join(part for part in (what, why, next_step) if part))
        self.what = what
        self.why = why
        self.next_step = next_step
