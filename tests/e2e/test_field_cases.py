"""Records of real settlement and payment files, one for each kind that was once mishandled."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from harness.api import RunningApi, balance
from harness.inbound import Sender, consuming, inbox, settings_for, wait_for_messages
from harness.postgres import TestDatabase
from txplatform.contracts.inbound_messages import InboundMessageResponse

CASES = Path(__file__).parents[1] / "data" / "field_cases.jsonl"

Case = dict[str, Any]


def in_place(case: Case, number: int) -> Case:
    """Return the case with accounts of its own, so that all cases share one database."""
    text = json.dumps(case)
    for account in ("a9", "a", "b", "no-such"):
        text = text.replace(f'"{account}"', f'"{number}-{account}"')
        text = text.replace(f"/accounts/{account}/", f"/accounts/{number}-{account}/")
    changed: Case = json.loads(text)
    return changed


class Play:
    """Plays the steps of a case, and keeps the last response and the last message's row."""

    def __init__(self, api: RunningApi, database: TestDatabase, topics: str) -> None:
        self._api = api
        self._database = database
        self._sender = Sender(topics)
        self._sent = 0
        self.response: httpx.Response | None = None

    def step(self, step: dict[str, Any]) -> None:
        """Send a request, or a message and wait until it is stored."""
        if "post" in step:
            self.response = self._api.client.post(step["post"], json=step["body"])
            return
        self._sent += 1
        self._sender.send(step["topic"], step["body"])
        self._sender.flush()
        wait_for_messages(self._database, self._sent)

    def seen(self, expect: dict[str, Any]) -> dict[str, Any]:
        """Return what is seen after the last step, for each thing that is expected."""
        looks: dict[str, Callable[[Any], object]] = {
            "balance": lambda wanted: {
                account: {name: balance(self._api.client, account)[name] for name in fields}
                for account, fields in wanted.items()
            },
            "postings": lambda wanted: {
                account: [each["kind"] for each in self._items(account, "postings")]
                for account in wanted
            },
            "inbox": lambda _: self._message.status.value,
            "reason": lambda _: self._message.reason,
            "flags": lambda _: self._message.flags if "inbox" in expect else self._body["flags"],
            "event": lambda wanted: {
                path: _at(self._items(self._message.account_id, "events")[-1]["data"], path)
                for path in wanted
            },
            "http": lambda _: self._response.status_code,
            "says": lambda wanted: [words for words in wanted if words in self._response.text],
            "items": lambda _: [each["result"] for each in self._body["items"]],
            "decision": lambda _: self._body["decision"],
        }
        return {thing: looks[thing](wanted) for thing, wanted in expect.items()}

    @property
    def _response(self) -> httpx.Response:
        assert self.response is not None
        return self.response

    @property
    def _body(self) -> dict[str, Any]:
        body: dict[str, Any] = self._response.json()
        return body

    @property
    def _message(self) -> InboundMessageResponse:
        return inbox(self._database)[-1]

    def _items(self, account: str | None, name: str) -> list[Any]:
        items: list[Any] = self._api.client.get(f"/v1/accounts/{account}/{name}").json()["items"]
        return items


def _at(data: dict[str, Any], path: str) -> Any:
    """Return a field of an event or of the command in it; a path has a dot for each level."""
    found: list[Any] = []
    for whole in (data, *(each for each in data.values() if isinstance(each, dict))):
        value: Any = whole
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None:
            found.append(value)
    return found[0] if found else None


def test_each_record_from_the_field_ends_as_the_contract_says(
    own_api: RunningApi, database: TestDatabase, topics: str
) -> None:
    play = Play(own_api, database, topics)
    cases = [
        in_place(json.loads(line), number)
        for number, line in enumerate(CASES.read_text().splitlines())
    ]
    with consuming(settings_for(database, topics)):
        for case in cases:
            play.response = None
            for step in (*case["given"], *case["send"]):
                play.step(step)
            assert play.seen(case["expect"]) == case["expect"], case["name"]
    assert len(cases) == 12
