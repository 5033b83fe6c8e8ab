"""The risk check of payments, in order of precedence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from txbank.payments.risk import MOST_RETURNS, NEW_FOR, THRESHOLDS, Payer, RiskReason, assess
from txbank.payments.state import PaymentState

NOW = datetime(2026, 11, 20, tzinfo=UTC)
OLD = NOW - NEW_FOR
NEW = OLD + timedelta(seconds=1)
SMALL, HIGH, HIGHEST = 50_000, 1_000_000, 10_000_000
OWED = HIGH
ACCEPTED, HELD, REFUSED = PaymentState.ACCEPTED, PaymentState.HELD, PaymentState.REFUSED


@pytest.mark.parametrize(
    ("amount", "payer", "expected"),
    [
        (HIGHEST + 1, Payer(None, MOST_RETURNS, None), (REFUSED, RiskReason.AMOUNT_TOO_HIGH)),
        (HIGHEST, Payer(None, MOST_RETURNS, None), (REFUSED, RiskReason.TOO_MANY_RETURNS)),
        (1, Payer(OLD, MOST_RETURNS, OWED), (REFUSED, RiskReason.TOO_MANY_RETURNS)),
        (HIGHEST, Payer(None, MOST_RETURNS - 1, None), (HELD, RiskReason.ACCOUNT_UNKNOWN)),
        (1, Payer(None, 0, OWED), (HELD, RiskReason.ACCOUNT_UNKNOWN)),
        (HIGH + 1, Payer(NEW, 1, None), (HELD, RiskReason.AMOUNT_HIGH)),
        (HIGH, Payer(NEW, 1, None), (HELD, RiskReason.EARLIER_RETURN)),
        (SMALL + 1, Payer(NEW, 0, None), (HELD, RiskReason.ACCOUNT_NEW)),
        (SMALL + 1, Payer(OLD, 0, None), (HELD, RiskReason.BALANCE_UNKNOWN)),
        (SMALL + 2, Payer(OLD, 0, SMALL + 1), (HELD, RiskReason.MORE_THAN_OWED)),
        (SMALL + 1, Payer(OLD, 0, SMALL + 1), (ACCEPTED, None)),
        (HIGH, Payer(OLD, 0, OWED), (ACCEPTED, None)),
        (SMALL, Payer(NEW, MOST_RETURNS - 1, None), (ACCEPTED, None)),
        (SMALL, Payer(NEW, 0, -1), (ACCEPTED, None)),
    ],
)
def test_the_first_reason_that_applies_decides(
    amount: int, payer: Payer, expected: tuple[PaymentState, RiskReason | None]
) -> None:
    assert assess(amount, "EUR", payer, NOW) == expected


def test_the_thresholds_of_a_currency_decide() -> None:
    payer = Payer(OLD, 0, None)
    for currency, thresholds in THRESHOLDS.items():
        assert assess(thresholds.small, currency, payer, NOW) == (ACCEPTED, None)
        assert assess(thresholds.small + 1, currency, payer, NOW)[0] is HELD
        assert assess(thresholds.highest + 1, currency, payer, NOW)[0] is REFUSED
