"""Shops that retry until they have an answer, and teams that send messages in any order, twice."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any

import httpx
from confluent_kafka import Message, Producer

from harness.api import open_account, purchase
from harness.inbound import PRESENTED, RETURNED, SUBMITTED, Body, payment, presentment, returned
from harness.waiting import wait_until
from reliability.installation import Installation

ACCOUNTS = tuple(f"acc-{number}" for number in range(12))
CREDIT_LIMIT = 100_000
SHOPS = 6
_PAUSE_S = 0.03
_RETRY_S = 0.1
_LAST_ANSWER_WITHIN_S = 120


class Load:
    """What was sent and answered.

    Attributes:
        answers: The response of each purchase, by transaction id.
        bodies: The bytes of that response.
        asked: The request of each purchase, by transaction id.
        messages: The number of acknowledged messages, copies included.
        sent: The topic and body of each acknowledged message, by its business id.
        retries: The number of requests without a decision, which were sent again.
        refused: Responses that a shop may not retry; each is a fault of the platform.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._ending = threading.Event()
        self._numbers = count()
        self._lock = threading.Lock()
        self.answers: dict[str, dict[str, Any]] = {}
        self.bodies: dict[str, bytes] = {}
        self.asked: dict[str, dict[str, Any]] = {}
        self.sent: dict[str, tuple[str, Body]] = {}
        self.messages = 0
        self.retries = Counter[str]()
        self.refused: list[str] = []
        self.answered_by = Counter[str]()
        self._approved: list[dict[str, Any]] = []
        self._producer = Producer(
            {
                "bootstrap.servers": installation.env["TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS"],
                "enable.idempotence": True,
                "message.timeout.ms": 0,  # other teams lose no message either
                "log_level": 0,
            }
        )

    def client(self) -> httpx.Client:
        """Return a client with the key of this installation."""
        headers = {"Authorization": f"Bearer {self._installation.key}"}
        return httpx.Client(headers=headers, timeout=12)

    def ask(self, client: httpx.Client, asked: dict[str, Any]) -> bytes:
        """Send a purchase to one API after the other until one decides it."""
        deadline = threading.Event()
        timer = threading.Timer(_LAST_ANSWER_WITHIN_S, deadline.set)
        timer.start()
        apis = self._installation.apis
        first = random.randrange(len(apis))
        try:
            for attempt in count(first):
                api = apis[attempt % len(apis)]
                try:
                    answer = client.post(f"{api.url}/v1/process-transaction", json=asked)
                except httpx.TransportError as error:
                    self.retries[type(error).__name__] += 1
                else:
                    if answer.status_code == 200:
                        self.answered_by[api.url] += 1
                        return answer.content
                    if answer.status_code not in (429, 503):
                        self.refused.append(f"{answer.status_code} {answer.text}")
                        return b""
                    self.retries[str(answer.status_code)] += 1
                if deadline.wait(_RETRY_S):
                    break
        finally:
            timer.cancel()
        self.refused.append(f"{asked['transaction_id']} has no answer in {_LAST_ANSWER_WITHIN_S} s")
        return b""

    def shop(self) -> None:
        """Send purchases until the load ends; each has an answer before the next."""
        chance = random.Random(next(self._numbers))
        with self.client() as client:
            while not self._ending.wait(_PAUSE_S):
                number = next(self._numbers)
                asked = purchase(f"t-{number}", chance.choice(ACCOUNTS), chance.randrange(1, 5_000))
                self.asked[asked["transaction_id"]] = asked
                if body := self.ask(client, asked):
                    self._keep(asked, body, httpx.Response(200, content=body).json())

    def team(self) -> None:
        """Send payments, returns and clearings until the load ends: in any order, some twice."""
        chance = random.Random(7)
        late: list[tuple[str, str, Body]] = []
        while not self._ending.wait(2 * _PAUSE_S):
            number, account_id = next(self._numbers), chance.choice(ACCOUNTS)
            amount = chance.randrange(1, 8_000)
            name = f"p-{number}"
            both = [(name, SUBMITTED, payment(name, account_id, amount))]
            if chance.random() < 0.2:
                both.append((f"return of {name}", RETURNED, returned(name, account_id, amount)))
            chance.shuffle(both)
            late += both
            if self._approved and chance.random() < 0.5:
                late.append(self._clearing())
            while late and chance.random() < 0.8:
                name, topic, body = late.pop(chance.randrange(len(late)))
                for _ in range(2 if chance.random() < 0.3 else 1):
                    self._send(name, topic, body)
        for name, topic, body in late:
            self._send(name, topic, body)
        assert self._producer.flush(_LAST_ANSWER_WITHIN_S) == 0, "messages were not acknowledged"

    def end(self) -> None:
        """Have each shop and team finish what they have begun."""
        self._ending.set()

    def wait_for_answers(self, of_each: int = 20) -> None:
        """Wait until each API has answered this many more purchases."""
        goals = {api.url: self.answered_by[api.url] + of_each for api in self._installation.apis}
        wait_until(
            lambda: all(self.answered_by[url] >= goal for url, goal in goals.items()),
            timeout_s=_LAST_ANSWER_WITHIN_S,
            message="each API to answer",
        )

    def _clearing(self) -> tuple[str, str, Body]:
        with self._lock:
            approved = self._approved.pop()
        name = f"c-{approved['transaction_id']}"
        body = presentment(
            name,
            approved["amount"],
            account_id=approved["account_id"],
            transaction_id=approved["transaction_id"],
        )
        return name, PRESENTED, body

    def _keep(self, asked: dict[str, Any], body: bytes, answer: dict[str, Any]) -> None:
        transaction_id = asked["transaction_id"]
        self.answers[transaction_id] = answer
        self.bodies[transaction_id] = body
        if answer["decision"] == "approved":
            with self._lock:
                self._approved.append(answer)

    def _send(self, name: str, topic: str, body: Body) -> None:
        self._produce(name, topic, body)
        self._producer.poll(0)

    def _produce(self, name: str, topic: str, body: Body) -> None:
        def delivered(error: object, _: Message) -> None:
            if error is not None:  # such as "Unknown broker error" if the broker's disk is full
                self._produce(name, topic, body)
                return
            self.messages += 1
            self.sent[name] = topic, body

        self._producer.produce(
            topic,
            key=body["account_id"].encode(),
            value=json.dumps(body).encode(),
            on_delivery=delivered,
        )


@contextmanager
def loaded(installation: Installation) -> Iterator[Load]:
    """Open the accounts, and send until the context ends and all that was sent has an answer."""
    load = Load(installation)
    with load.client() as client:
        client.base_url = installation.apis[0].url
        for account_id in ACCOUNTS:
            open_account(client, account_id, CREDIT_LIMIT)
    with ThreadPoolExecutor(SHOPS + 1) as pool:
        senders: list[Callable[[], None]] = [*[load.shop] * SHOPS, load.team]
        running = [pool.submit(each) for each in senders]
        try:
            yield load
        finally:
            load.end()
        for each in running:
            each.result()
