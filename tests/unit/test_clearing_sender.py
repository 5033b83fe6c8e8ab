"""Settlement items against a server whose responses are scripted."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from txplatform.importing.clearing_sender import post_clearings
from txplatform.importing.records import FileRecord, Result
from txplatform_client import Client, ProblemError

CLEARING: dict[str, Any] = {
    "clearing_id": "0",
    "account_id": "a",
    "transaction_id": None,
    "direction": "debit",
    "reverses_clearing_id": None,
    "amount": 1,
    "currency": "EUR",
    "final": True,
    "status": "applied",
    "released": 0,
    "flags": [],
    "reference": None,
    "balance": None,
    "account_version": 2,
    "event_id": "e",
    "recorded_at": "2026-11-20T10:15:00.000000Z",
}

Answer = Callable[[list[dict[str, Any]]], tuple[int, Any]]
"""Returns the status and the JSON of the response to these items."""


def records(count: int, **fields: Any) -> list[FileRecord]:
    """Return items with ids from 0."""
    body = {"account_id": "a", "amount": 1, "currency": "EUR", **fields}
    return [FileRecord(n, None, {"clearing_id": str(n), **body}) for n in range(count)]


def results(items: list[dict[str, Any]], result: str) -> tuple[int, Any]:
    """Return a response with the same result for each item."""
    counts = {"clean": 0, "waiting": 0, "bad": 0, "retry": 0, result: len(items)}
    outcomes = [{"clearing_id": each["clearing_id"], "result": result} for each in items]
    return 200, {**counts, "items": outcomes}


@contextmanager
def server(*answers: Answer, patience_s: float = 60) -> Iterator[tuple[Client, list[list[str]]]]:
    """Serve the answers one after the other, then the last one again.

    Yield the API and the ids in each call.

    Args:
        answers: The answers.
        patience_s: The time after which a call that is repeated fails.
    """
    calls: list[list[str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            items = json.loads(self.rfile.read(size))["items"]
            answer = answers[min(len(calls), len(answers) - 1)]
            calls.append([each["clearing_id"] for each in items])
            status, body = answer(items)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{listening.server_address[1]}"
            with Client(url, "key", deadline_s=patience_s) as api:
                yield api, calls
        finally:
            listening.shutdown()
            thread.join()


def posted(api: Client, items: list[FileRecord], patience_s: float = 60) -> dict[str, Result]:
    """Post items and return the result of each."""
    outcomes = post_clearings(api, items, patience_s=patience_s)
    return {outcome.record.business_id: outcome.result for outcome in outcomes}


def test_items_are_posted_in_batches_of_a_thousand() -> None:
    with server(lambda items: results(items, "clean")) as (api, calls):
        assert set(posted(api, records(2500)).values()) == {"taken"}
    assert [len(call) for call in calls] == [1000, 1000, 500]


def test_large_items_are_posted_in_batches_that_the_api_takes() -> None:
    with server(lambda items: results(items, "clean")) as (api, calls):
        posted(api, records(600, metadata={"note": "x" * 4000}))
    assert max(len(call) for call in calls) < 250
    assert sorted(each for call in calls for each in call) == sorted(map(str, range(600)))


def test_an_item_with_a_passing_fault_is_posted_again_alone() -> None:
    def one_fault(items: list[dict[str, Any]]) -> tuple[int, Any]:
        status, body = results(items, "clean")
        body["items"][1]["result"] = "retry"
        return status, body

    with server(one_fault, lambda items: results(items, "waiting")) as (api, calls):
        assert posted(api, records(3)) == {"0": "taken", "1": "waiting", "2": "taken"}
    assert calls == [["0", "1", "2"], ["1"]]


def test_a_fault_that_does_not_pass_leaves_the_outcome_unknown() -> None:
    with server(lambda items: results(items, "retry")) as (api, _):
        assert posted(api, records(1), patience_s=0.8) == {"0": "unknown"}


def test_a_call_is_repeated_while_the_service_is_unavailable() -> None:
    busy: Answer = lambda _: (503, {})  # noqa: E731
    with server(busy, lambda items: results(items, "clean")) as (api, calls):
        assert posted(api, records(1)) == {"0": "taken"}
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (
            403,
            {"status": 403, "detail": "The key lacks it.", "next_step": "Use another."},
            "lacks it. Use another.",
        ),
        (404, b"<html>", "has no problem as its body"),
        (503, b"", "about:blank (503)"),
    ],
)
def test_a_refused_call_ends_the_import_with_the_words_of_the_api(
    status: int, body: Any, words: str
) -> None:
    with (
        server(lambda _: (status, body), patience_s=5) as (api, _),
        pytest.raises(ProblemError, match=re.escape(words)),
    ):
        posted(api, records(1))


def test_a_refusal_names_the_field() -> None:
    def bad(items: list[dict[str, Any]]) -> tuple[int, Any]:
        status, body = results(items, "bad")
        error = {"pointer": "/items/0/amount", "message": "must be at least 1"}
        body["items"][0] |= {"reason": "validation", "field": "amount", "errors": [error]}
        return status, body

    with server(bad) as (api, _):
        (outcome,) = post_clearings(api, records(1), patience_s=0)
    assert (outcome.field, outcome.reason, outcome.detail) == (
        "amount",
        "validation",
        "must be at least 1",
    )


@pytest.mark.parametrize(
    ("first", "differing", "detail"),
    [
        ({"file": "1"}, [], None),
        ({"file": "1"}, ["occurred_at"], "Differs from the first copy in occurred_at."),
        ({"file": "2"}, [], "Differs from the first copy in metadata."),
        (None, ["merchant"], "Differs from the first copy in merchant, metadata."),
    ],
)
def test_a_repeated_item_says_what_the_first_copy_has_otherwise(
    first: dict[str, str] | None, differing: list[str], detail: str | None
) -> None:
    def replayed(items: list[dict[str, Any]]) -> tuple[int, Any]:
        status, body = results(items, "clean")
        clearing = {**CLEARING, "differing_fields": differing, "metadata": first}
        body["items"][0] |= {"replayed": True, "clearing": clearing}
        return status, body

    with server(replayed) as (api, _):
        (outcome,) = post_clearings(api, records(1, metadata={"file": "1"}), patience_s=0)
    assert (outcome.result, outcome.detail) == ("repeated", detail)
