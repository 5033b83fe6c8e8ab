"""The stream of events resumes after each interruption, with a real API."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice

import pytest

from harness.api import RunningApi, create_key
from txplatform_client import AsyncClient, Client, Event, NoResponseError, Opening, ProblemError


def open_accounts(api: RunningApi, *numbers: int) -> None:
    with Client(api.url, api.key) as client:
        for number in numbers:
            opening = Opening(account_id=f"acc-{number}", currency="USD", credit_limit=number)
            client.open_account(opening)


def accounts(events: Iterator[Event], count: int) -> list[str]:
    """Return the accounts of the next events."""
    return [event.account_id for event in islice(events, count)]


def test_events_are_streamed_once_and_in_order_though_the_api_is_killed_twice(
    own_api: RunningApi,
) -> None:
    open_accounts(own_api, 1, 2, 3)
    with Client(own_api.url, own_api.key) as client:
        events = client.stream_events()
        assert accounts(events, 2) == ["acc-1", "acc-2"]
        for numbers in ((4, 5), (6,)):
            own_api.command.kill()
            own_api.command.start().wait_ready()
            open_accounts(own_api, *numbers)
        assert accounts(events, 4) == ["acc-3", "acc-4", "acc-5", "acc-6"]


@pytest.mark.long
def test_the_asynchronous_stream_resumes_too(own_api: RunningApi) -> None:
    async def read() -> list[str]:
        async with AsyncClient(own_api.url, own_api.key) as client:
            found: list[str] = []
            async for event in client.stream_events():
                found.append(event.account_id)
                if len(found) == 2:
                    own_api.command.kill()
                    await asyncio.to_thread(own_api.command.start().wait_ready)
                    await asyncio.to_thread(open_accounts, own_api, 3, 4)
                if len(found) == 4:
                    break
            return found

    open_accounts(own_api, 1, 2)
    assert asyncio.run(read()) == ["acc-1", "acc-2", "acc-3", "acc-4"]


def test_a_stream_goes_on_after_the_cursor_of_an_event(own_api: RunningApi) -> None:
    open_accounts(own_api, 1, 2, 3)
    with Client(own_api.url, own_api.key) as client:
        second = [*client.list_events(limit=1)][1]
        assert second.account_id == "acc-2"
        assert accounts(client.stream_events(cursor=second.cursor), 1) == ["acc-3"]
        assert [each.account_id for each in client.list_events(cursor=second.cursor)] == ["acc-3"]


def test_a_reader_whose_key_lacks_the_scope_gets_the_problem(api: RunningApi) -> None:
    key = create_key(api.env, "accounts:read")
    with Client(api.url, key) as client, pytest.raises(ProblemError, match="forbidden"):
        next(client.stream_events())


@pytest.mark.long
def test_a_stream_is_given_up_if_the_api_stays_away(own_api: RunningApi) -> None:
    open_accounts(own_api, 1)
    with Client(own_api.url, own_api.key) as client:
        events = client.stream_events(give_up_s=1)
        assert accounts(events, 1) == ["acc-1"]
        own_api.command.kill()
        with pytest.raises(NoResponseError, match="/v1/events/stream"):
            next(events)
