"""Any sequence of requests leaves a payment in the state that a model of the machine computes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.bank import IBAN, Bank
from txbank.database import Connection
from txbank.payments import payment
from txbank.payments.payment import NewPayment, NotAllowedError
from txbank.payments.state import Action

ACCOUNT = "acc-model"
STEPS = st.lists(st.tuples(st.sampled_from(["submit", *Action]), st.sampled_from("AB")), max_size=8)


@dataclass
class Model:
    """One payment as people think of it."""

    state: str = "none"
    told: list[str] = field(default_factory=list)
    last: tuple[str, str] | None = None

    def allows(self, step: str, reason: str) -> bool:
        """Take a step; return False if it is not allowed."""
        match self.state, step:
            case "none", "submit":
                self.state = "held"
            case _, "submit":
                pass
            case "held", "release":
                self.state = "accepted"
                self.told.append("payments.payment-submitted.v1")
            case "held", "refuse":
                self.state = "refused"
            case "accepted", "return":
                self.state = "returned"
                self.told.append("payments.payment-returned.v1")
            case _:
                return self.last == (step, reason)
        if step != "submit":
            self.last = (step, reason)
        return True


@pytest.fixture
def connection(bank: Bank) -> Iterator[Connection]:
    """A connection whose work is never committed."""
    with bank.connect("payments") as connection:
        connection.execute(
            "INSERT INTO known_accounts VALUES (%s, 'EUR', %s)",
            (ACCOUNT, datetime.now(UTC) - timedelta(days=365)),
        )
        yield connection
        connection.rollback()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_states_and_messages_are_those_of_the_model(
    connection: Connection, steps: list[tuple[str, str]]
) -> None:
    model = Model()
    wanted = NewPayment(
        payment_id="p", account_id=ACCOUNT, amount=500_000, currency="EUR", bank_account=IBAN
    )
    with connection.transaction(force_rollback=True):
        for step, reason in [("submit", ""), *steps]:
            if model.allows(step, reason):
                if step == "submit":
                    payment.submit(connection, wanted, None)
                else:
                    payment.act(connection, "p", Action(step), reason)
            else:
                with pytest.raises(NotAllowedError):
                    payment.act(connection, "p", Action(step), reason)
        assert payment.read_payment(connection, "p").state == model.state
        rows = connection.execute(
            "SELECT topic FROM outbox WHERE key = %s ORDER BY id", (ACCOUNT.encode(),)
        )
        assert [row["topic"] for row in rows] == model.told
