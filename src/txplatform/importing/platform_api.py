"""Call the platform's HTTP API, with retries that cannot do harm."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

import httpx

from txplatform.errors import TxPlatformError

_PAUSE_S = 0.5


class ApiError(TxPlatformError):
    """Raised if the API refuses a call, or does not respond in time."""


class PlatformApi:
    """The API with one key. Repeats a call if the API cannot be reached or responds with 5xx.

    Args:
        url: The address of the API.
        key: An API key.
        patience_s: How long a call is repeated.
    """

    def __init__(self, url: str, key: str, *, patience_s: float) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self.patience_s = patience_s
        self._url = url
        self._client = httpx.Client(base_url=url, headers=headers, timeout=30)

    def get(self, path: str, **parameters: str) -> Any:
        """Return the JSON response to a GET.

        Raises:
            ApiError: The API refused the call, or did not respond in time.
        """
        return self._call("GET", path, params=parameters)

    def post(self, path: str, body: bytes) -> Any:
        """Return the JSON response to a POST of a JSON body.

        Raises:
            ApiError: The API refused the call, or did not respond in time.
        """
        return self._call("POST", path, content=body)

    def _call(self, method: str, path: str, **request: Any) -> Any:
        deadline = time.monotonic() + self.patience_s
        while True:
            try:
                response = self._client.request(method, path, **request)
            except httpx.TransportError as error:
                why = str(error)
            except httpx.InvalidURL as error:
                raise ApiError(f"{self._url} is not the address of an API: {error}.") from None
            else:
                if response.is_success:
                    return response.json()
                if not response.is_server_error:
                    raise _refused(response)
                why = f"it responds with {response.status_code}"
            if time.monotonic() > deadline:
                raise ApiError(
                    f"The API at {self._url} cannot be used: {why}.",
                    next_step="Import the file again when it can; nothing is applied twice.",
                )
            time.sleep(_PAUSE_S)

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self._client.close()


def _refused(response: httpx.Response) -> ApiError:
    """Return the problem (RFC 9457) as an error."""
    try:
        problem = response.json()
        return ApiError(problem["detail"], next_step=problem["next_step"])
    except (ValueError, LookupError, TypeError):
        return ApiError(
            f"The API responded with {response.status_code} and without a problem.",
            next_step="Check that the address is that of the platform's API.",
        )
