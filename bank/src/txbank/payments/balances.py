"""Asks the platform how much an account owes. A payment waits only briefly for the response."""

from txbank.settings import CommonSettings
from txbank.tracing import logger, traceparent
from txplatform_client import Client, TxPlatformClientError

TIMEOUT_S = 0.5
"""The longest time for the response, retries included."""


class Balances:
    """The platform's balances, read over HTTP."""

    def __init__(self, settings: CommonSettings) -> None:
        self._client = Client(
            settings.platform_url,
            settings.required_platform_key,
            timeout_s=TIMEOUT_S,
            deadline_s=TIMEOUT_S,
            traceparent=traceparent,
        )
        self._log = logger("balances")

    def owed(self, account_id: str) -> int | None:
        """Return the posted balance plus holds, minor units; None if there is no response in time.

        It is also None if the platform does not know the account yet.
        """
        try:
            balance = self._client.read_balance(account_id)
        except TxPlatformClientError as error:
            self._log.warning("no balance; the amount decides", reason=str(error))
            return None
        return balance.posted + balance.pending
