"""The errors of the bank's services. Only the API and the command line translate them."""

from collections.abc import Sequence


class TxBankError(Exception):
    """An error that a caller or an operator can act on.

    Args:
        what: What went wrong, in one sentence.
        why: The cause, if it is known.
        next_step: What the caller or the operator should do.
        fields: The fields of the request that are at fault.
    """

    def __init__(
        self, what: str, *, why: str = "", next_step: str = "", fields: Sequence[str] = ()
    ) -> None:
        super().__init__(" ".join(part for part in (what, why, next_step) if part))
        self.what = what
        self.why = why
        self.next_step = next_step
        self.fields = fields


class IdReusedError(TxBankError):
    """An id was already used with other content."""

    def __init__(self, name: str, differing: Sequence[str]) -> None:
        super().__init__(
            f"This {name} was already used with other values of {', '.join(differing)}.",
            why="The first request stands.",
            next_step=f"Use a new {name} for another request.",
            fields=differing,
        )


class InvalidCursorError(TxBankError):
    """The cursor belongs to another list or to other filters, or is no cursor."""

    def __init__(self) -> None:
        super().__init__(
            "The cursor is not one of this list.",
            why="A cursor belongs to one list with its filters.",
            next_step="Send next_cursor unchanged, with the same filters; or leave it out.",
            fields=["cursor"],
        )
