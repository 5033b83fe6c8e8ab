"""The list of inbound messages finds a message by the id in its body, even if it is parked."""

from __future__ import annotations

import psycopg
import pytest

from harness.inbound import (
    Body,
    limit_changed,
    opened,
    payment,
    presentment,
    returned,
    status_changed,
)
from harness.members import Member
from txplatform.inbox.message_list import list_messages

FOUND: dict[str, tuple[Body, Body]] = {
    "acc-1": (opened("acc-1"), {"currency": "usd"}),
    "7": (limit_changed("acc-1", 7, 5), {"credit_limit": -1}),
    "8": (status_changed("frozen", 8), {"status": "stopped"}),
    "p/1": (payment("p/1", "acc-1"), {"amount": "5"}),
    "p/2": (returned("p/2", "acc-1"), {"amount": None}),
    "c 1": (presentment("c 1"), {"direction": "up"}),
}


@pytest.mark.parametrize("business_id", FOUND)
def test_a_message_is_found_by_its_business_id_whatever_its_outcome(
    service: psycopg.Connection, business_id: str
) -> None:
    body, damage = FOUND[business_id]
    member = Member(service)
    member.apply(*(other for each, (other, _) in FOUND.items() if each != business_id))
    bad = member.apply(body | damage)
    good = member.apply(body)
    found = list_messages(service, business_id=business_id).items
    assert [each.status.value for each in found] == [*bad, *good]
    assert bad == ["parked"]
    assert found[0].business_key == found[1].business_key
    assert {each.account_id for each in found} == {"acc-1"}
