"""Errors for requests that could not be decided; none of them means a decline."""

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
            "The event store is unavailable; nothing was recorded.",
            why=f"The database failed or did not respond ({type(cause).__name__}).",
            next_step="Retry with the same id after the time in Retry-After.",
        )


class OutcomeUnknownError(TxPlatformError):
    """The connection was lost during a commit; the outcome was still unknown at the deadline."""

    def __init__(self) -> None:
        super().__init__(
            "It is not known yet whether this was recorded.",
            why="The connection to the event store was lost during the commit.",
            next_step="Retry with the same id: the request is decided once, with one response.",
        )
