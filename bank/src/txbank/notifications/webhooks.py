"""The channel to subscribers: webhooks, signed by the Standard Webhooks specification."""

import asyncio
from datetime import UTC, datetime

import httpx
from standardwebhooks import Webhook

from txbank.notifications.deliverer import Claimed, RefusedError
from txbank.notifications.webhook_address import WebhookRefusedError, checked_address
from txbank.tracing import traceparent

TIMEOUT_S = 5
"""The time for a subscriber to respond."""


class Webhooks:
    """Sends webhooks. A subscriber that is slow delays the others by `TIMEOUT_S` at most."""

    name = "webhooks"
    due = """
        SELECT delivery_id FROM subscriptions CROSS JOIN LATERAL (
            SELECT delivery_id FROM deliveries
            WHERE deliveries.subscription_id = subscriptions.subscription_id
            AND state = 'waiting' AND next_attempt_at <= now()
            ORDER BY next_attempt_at LIMIT 10
        ) AS first
    """

    def __init__(self, *, internal_allowed: bool) -> None:
        self._internal_allowed = internal_allowed

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
                address = await asyncio.to_thread(
                    checked_address, url, internal_allowed=self._internal_allowed
                )
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
