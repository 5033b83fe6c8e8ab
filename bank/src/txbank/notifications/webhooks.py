"""The channel to subscribers: webhooks, signed by the Standard Webhooks specification."""

import asyncio
import threading
from concurrent.futures import Future
from datetime import UTC, datetime

import httpx
from standardwebhooks import Webhook

from txbank.notifications.deliverer import Claimed, RefusedError
from txbank.notifications.webhook_address import WebhookRefusedError, checked_address
from txbank.tracing import traceparent

TIMEOUT_S = 5
"""The time for a subscriber to respond."""
_AT_ONCE = 8
"""The largest number of webhooks that are sent to one subscriber at the same time."""


class Webhooks:
    """Sends webhooks. A subscriber that does not respond delays no other.

    50 of them do, since they occupy all places until their time-outs.
    """

    name = "webhooks"
    at_once = 50 * _AT_ONCE
    due = f"""
        SELECT delivery_id FROM subscriptions CROSS JOIN LATERAL (
            SELECT delivery_id, next_attempt_at FROM deliveries
            WHERE deliveries.subscription_id = subscriptions.subscription_id
            AND state = 'waiting' AND next_attempt_at <= now()
            ORDER BY next_attempt_at LIMIT {_AT_ONCE} - (
                SELECT count(*) FROM unnest(%(running)s::text[]) AS id
                WHERE id = subscriptions.subscription_id
            )
        ) AS first ORDER BY next_attempt_at LIMIT %(free)s
    """

    def __init__(self, *, internal_allowed: bool) -> None:
        self._internal_allowed = internal_allowed
        self._lookups: dict[tuple[str, bytes], Future[str]] = {}

    def new_client(self) -> httpx.AsyncClient:
        """Return a client that takes no proxy from the environment and keeps no connections.

        A kept connection could be used for another subscriber, whose host name has the same
        address.
        """
        limits = httpx.Limits(max_keepalive_connections=0)
        return httpx.AsyncClient(trust_env=False, follow_redirects=False, limits=limits)

    async def send(self, http: httpx.AsyncClient, delivery: Claimed) -> None:
        """Send a webhook. Its id is the event id.

        Raises:
            RefusedError: The address is not allowed, or the subscriber did not respond with 2xx.
        """
        url = httpx.URL(delivery.url)
        now = datetime.now(UTC)
        payload = b'{"type":"%s","timestamp":"%s","data":%s}' % (
            delivery.topic.encode(),
            now.isoformat().encode(),
            delivery.body,
        )
        headers = {
            "Content-Type": "application/json",
            "Host": url.netloc.decode(),
            "traceparent": traceparent(),
            "webhook-id": delivery.event_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(delivery.secret).sign(
                delivery.event_id, now, payload.decode()
            ),
        }
        try:
            async with asyncio.timeout(TIMEOUT_S):
                address = await self._address(url)
                request = http.stream(
                    "POST",
                    url.copy_with(host=address),
                    content=payload,
                    headers=headers,
                    extensions={"sni_hostname": url.raw_host.decode()},
                )
                async with request as response:  # the body is not read
                    success, status = response.is_success, response.status_code
        except WebhookRefusedError as error:
            raise RefusedError(str(error)) from error
        except (httpx.HTTPError, TimeoutError) as error:
            raise RefusedError(f"The subscriber did not respond: {error!r}.") from error
        if not success:
            raise RefusedError(f"The subscriber responded with {status}.")

    async def _address(self, url: httpx.URL) -> str:
        """Return the checked address of a host.

        Each host is looked up in a thread of its own, and once at a time. So a name server that
        does not respond delays no other host, and occupies one thread.
        """
        host = (url.scheme, url.netloc)
        lookup = self._lookups.get(host)
        if lookup is None:
            lookup = self._lookups[host] = Future()
            lookup.set_running_or_notify_cancel()  # it serves others if one webhook times out
            arguments = (host, url, lookup)
            threading.Thread(target=self._look_up, args=arguments, daemon=True).start()
        return await asyncio.wrap_future(lookup)

    def _look_up(self, host: tuple[str, bytes], url: httpx.URL, lookup: Future[str]) -> None:
        try:
            lookup.set_result(checked_address(url, internal_allowed=self._internal_allowed))
        except Exception as error:  # noqa: BLE001  # raised where the address is awaited
            lookup.set_exception(error)
        finally:
            del self._lookups[host]
