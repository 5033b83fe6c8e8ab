"""The errors of requests that could not be decided; none of them is a decline."""

from txplatform.errors import TxPlatformError


class QueueFullError(TxPlatformError):
    """The lane's queue is full; nothing was recorded."""

    def __init__(self) -> None:
        super().__init__(
            "Too many requests are waiting for a decision; nothing was recorded.",
            next_step="Retry with the same id after the time in Retry-After.",
        )


class StoreUnavailableError(TxPlatformError):
    """The event store was not available before the deadline; nothing was recorded."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(
            "The event store cannot be used at the moment; nothing was recorded.",
            why=f"{type(cause).__name__}.",
            next_step="Retry with the same id after the time in Retry-After.",
        )


class OutcomeUnknownError(TxPlatformError):
    """A commit lost its connection, and its outcome was not known before the deadline."""

    def __init__(self) -> None:
        super().__init__(
            "Whether this was recorded could not be settled in time.",
            why="The connection to the event store was lost during the commit.",
            next_step="Retry with the same id: it is decided once, and you get that answer.",
        )
