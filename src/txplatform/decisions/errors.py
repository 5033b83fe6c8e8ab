"""Why a request could not be decided. None of these means that it was declined."""

from txplatform.errors import TxPlatformError


class QueueFullError(TxPlatformError):
    """More requests wait than may; nothing was recorded."""

    def __init__(self) -> None:
        super().__init__(
            "Too many requests are waiting for a decision; nothing was recorded.",
            next_step="Retry with the same id after the time in Retry-After.",
        )


class StoreUnavailableError(TxPlatformError):
    """The event store could not be used in time; nothing was recorded."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(
            "The event store cannot be used at the moment; nothing was recorded.",
            why=f"{type(cause).__name__}.",
            next_step="Retry with the same id after the time in Retry-After.",
        )


class OutcomeUnknownError(TxPlatformError):
    """The connection was lost during a commit and it could not be settled in time."""

    def __init__(self) -> None:
        super().__init__(
            "Whether this was recorded could not be settled in time.",
            why="The connection to the event store was lost during the commit.",
            next_step="Retry with the same id: it is decided once, and you get that answer.",
        )
