"""Advices with any description, over HTTP and Kafka, in any order, twice: the money is right.

The second copy of an advice has other describing fields, and may take another way. Some messages
and requests cannot be read.
"""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

from harness.advices import BATCHES, PURCHASES, Advice, Generator, Model
from harness.api import RunningApi, balance
from harness.descriptions import FLAWED, describe, written
from harness.inbound import (
    LIMIT_CHANGED,
    OPENED,
    PRESENTED,
    RETURNED,
    STATUS_CHANGED,
    SUBMITTED,
    Body,
    Sender,
    limit_changed,
    opened,
    payment,
    presentment,
    returned,
    status_changed,
    wait_for_messages,
)
from harness.postgres import TestDatabase
from harness.processes import Command, run_command

_PER_ACCOUNT = 50
_BATCH = 40
_CONNECTIONS = 4


class Sent(NamedTuple):
    """A request or a message."""

    account_id: str
    to: str
    body: Body


def unreadable(account_id: str) -> list[tuple[str, bytes, str]]:
    """Return topics and bodies of which a checked field cannot be read, and why they are parked."""
    bodies = [
        (OPENED, {**opened(account_id), "opening_balance": "12"}),
        (LIMIT_CHANGED, limit_changed(account_id, 0, 100)),
        (LIMIT_CHANGED, {**limit_changed(account_id, 9, 100), "credit_limit": None}),
        (STATUS_CHANGED, {**status_changed("frosen", 99), "account_id": account_id}),
        (SUBMITTED, {**payment("q1", account_id), "amount": 12.5}),
        (SUBMITTED, payment("", account_id)),
        (SUBMITTED, payment("q2", account_id, currency="QQQ")),
        (RETURNED, {**returned("q3", account_id), "amount": "100"}),
        (PRESENTED, presentment("q4", -5, account_id=account_id)),
        (PRESENTED, presentment("q5", account_id=account_id, direction="sideways")),
        (PRESENTED, presentment("q6", account_id=account_id, final="yes")),
        (PRESENTED, presentment("q7", account_id=account_id, reverses_clearing_id=5)),
    ]
    return [
        *((topic, json.dumps(body).encode(), "schema_violation") for topic, body in bodies),
        *((topic, b'{"account_id": ', "not_json") for topic in (OPENED, PRESENTED)),
        (SUBMITTED, json.dumps(payment("q8", "another")).encode(), "key_mismatch"),
        (
            SUBMITTED,
            json.dumps(payment("q9", account_id, currency="EUR")).encode(),
            "currency_mismatch",
        ),
    ]


def copies(chance: random.Random, advice: Advice) -> Iterator[Sent]:
    """Yield an advice twice, with other describing fields and perhaps by other ways."""
    for _ in range(2):
        way = chance.choice(advice.ways)
        body = {**way.body, **describe(chance, way.describing)}
        if not way.to.startswith("/"):
            body["score"] = chance.choice([0, *FLAWED])  # an unknown member, which is ignored
        yield Sent(advice.account_id, way.to, body)


def generated(number: int) -> tuple[list[Model], list[Sent]]:
    """Return the models of accounts with this number of advices, and what is sent, shuffled."""
    chance, numbers = random.Random(number), itertools.count(1)
    generators = [
        Generator(chance, f"acc-{each}", numbers) for each in range(number // _PER_ACCOUNT)
    ]
    advices = [each for generator in generators for each in generator.advices(_PER_ACCOUNT)]
    sent = [copy for advice in advices for copy in copies(chance, advice)]
    chance.shuffle(sent)
    return [generator.model for generator in generators], sent


class HttpSender:
    """Sends requests over some connections at once, and learns what was decided."""

    def __init__(self, api: RunningApi, models: Iterable[Model]) -> None:
        self._api = api
        self._models = {model.account_id: model for model in models}

    def send(self, sent: Sequence[Sent]) -> None:
        """Send requests, and check that each is taken."""
        items = [each for each in sent if each.to == BATCHES]
        batches = [items[at : at + _BATCH] for at in range(0, len(items), _BATCH)]
        single = [each for each in sent if each.to != BATCHES]
        with ThreadPoolExecutor(_CONNECTIONS) as threads:
            done = [threads.submit(self._post, each) for each in single]
            done += [threads.submit(self._post_batch, each) for each in batches]
            for each in done:
                each.result()

    def _post(self, sent: Sent) -> None:
        answer = self._answer(sent.to, sent.body)
        assert answer.status_code in {200, 201}, (answer.text, sent)
        if sent.to == PURCHASES:
            decided = answer.json()
            model = self._models[sent.account_id].transactions[decided["transaction_id"]]
            model.approved = decided["amount"] if decided["decision"] == "approved" else 0

    def _post_batch(self, items: Sequence[Sent]) -> None:
        answer = self._answer(BATCHES, {"items": [each.body for each in items]})
        for sent, item in zip(items, answer.json()["items"], strict=True):
            assert item["result"] in {"clean", "waiting"}, (item, sent)

    def _answer(self, path: str, body: Body) -> Any:
        return self._api.client.post(
            path, content=written(body), headers={"content-type": "application/json"}
        )


def messages_with(api: RunningApi, status: str) -> list[tuple[str, str, str]]:
    """Return account, topic and reason of the messages with this status, at most 500."""
    answer = api.client.get(f"/v1/inbound-messages?status={status}&limit=500")
    rows = answer.raise_for_status().json()["items"]
    return [(row["account_id"], row["topic"], row["reason"]) for row in rows]


@pytest.mark.parametrize("number", [300, pytest.param(5000, marks=pytest.mark.long)])
def test_i2_any_description_any_order_and_copies_lead_to_the_balances_of_a_plain_model(
    own_api: RunningApi,
    database: TestDatabase,
    topics: str,
    service_env: dict[str, str],
    number: int,
) -> None:
    models, sent = generated(number)
    requests = [each for each in sent if each.to.startswith("/")]
    messages = [
        (each.to, each.account_id, written(each.body))
        for each in sent
        if not each.to.startswith("/")
    ]
    bad = [
        (topic, model.account_id, body, reason)
        for model in models[:3]
        for topic, body, reason in unreadable(model.account_id)
    ]
    messages += [(topic, account_id, body) for topic, account_id, body, _ in bad * 2]
    random.Random(number).shuffle(messages)
    env = {**service_env, "TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS": topics}
    with Command("worker", env=env) as worker:
        sender = Sender(topics)
        for topic, account_id, body in messages:
            sender.send_raw(topic, account_id.encode(), body)
        worker.wait_ready()
        HttpSender(own_api, models).send(requests)
        sender.flush()
        wait_for_messages(database, len(messages))
        assert worker.stop() == 0
    for model in models:
        found = balance(own_api.client, model.account_id)
        assert {**found, **model.balance} == found
    assert Counter(messages_with(own_api, "parked")) == Counter(
        (account_id, topic, reason) for topic, account_id, _, reason in bad
    )
    assert not messages_with(own_api, "waiting")
    code, out, err = run_command("verify", env=env)
    assert code == 0, out + err
