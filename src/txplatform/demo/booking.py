"""Sends the simulated year's openings and limits to the bank, which publishes them."""

from collections.abc import Sequence
from typing import Any

import httpx

from txplatform.errors import TxPlatformError
from txplatform.simulation.plan import LIMIT_CHANGED, OPENED, Message

_TIMEOUT_S = 60
_PRODUCT = "business"
_FIRST_NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Grace", "Hugo")
_LAST_NAMES = ("Archer", "Brook", "Carver", "Dale", "Elmer")
"""The made-up names of holders; the cards of the real year have none."""


class BookingError(TxPlatformError):
    """Raised if the accounts service refused a request, or did not respond."""


class AccountsDesk:
    """Sends the accounts service the requests that staff would send.

    Args:
        url: The base URL of the accounts service.
        key: An API key of the bank with the scope accounts:write.
    """

    def __init__(self, url: str, key: str) -> None:
        self._url = f"{url}/v1/accounts"
        self._headers = {"Authorization": f"Bearer {key}"}

    async def book(self, messages: Sequence[Message]) -> list[Message]:
        """Send the openings and limits among a day's messages; return the other messages.

        Of an account's limits, only that with the highest version is sent, since the service
        numbers the versions itself.

        Raises:
            BookingError: The accounts service refused a request, or did not respond.
        """
        openings = [each for each in messages if each.topic == OPENED]
        changes = [each for each in messages if each.topic == LIMIT_CHANGED]
        changes.sort(key=lambda each: int(each.body["limit_version"]))
        newest = {each.key: each for each in changes}
        if openings or newest:
            async with httpx.AsyncClient(headers=self._headers, timeout=_TIMEOUT_S) as http:
                for number, opening in enumerate(openings):
                    await self._open(http, number, opening)
                for change in newest.values():
                    await self._change_limit(http, change)
        return [each for each in messages if each.topic not in (OPENED, LIMIT_CHANGED)]

    async def _open(self, http: httpx.AsyncClient, number: int, opening: Message) -> None:
        first = _FIRST_NAMES[number % len(_FIRST_NAMES)]
        last = _LAST_NAMES[number // len(_FIRST_NAMES) % len(_LAST_NAMES)]
        request = {
            "account_id": opening.key,
            "holder": {"name": f"{first} {last}", "email": f"{first}.{last}@example.org".lower()},
            "product": _PRODUCT,
            "currency": opening.body["currency"],
            "credit_limit": opening.body["credit_limit"],
        }
        await self._request(http, "POST", self._url, request)

    async def _change_limit(self, http: httpx.AsyncClient, change: Message) -> None:
        request = {
            "credit_limit": change.body["credit_limit"],
            "reason": "Yearly review",
            "change_id": f"limit-{change.body['limit_version']}",
        }
        await self._request(http, "PUT", f"{self._url}/{change.key}/credit-limit", request)

    @staticmethod
    async def _request(
        http: httpx.AsyncClient, method: str, url: str, request: dict[str, Any]
    ) -> None:
        try:
            response = await http.request(method, url, json=request)
            response.raise_for_status()
        except httpx.HTTPStatusError as error:
            raise BookingError(
                f"The accounts service refused {method} {url}.", why=error.response.text
            ) from error
        except httpx.TransportError as error:
            raise BookingError(
                "The accounts service did not respond.",
                why=str(error),
                next_step="See bank.log in the data folder.",
            ) from error
