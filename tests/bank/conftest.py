"""Fixtures of the bank: all services in one process, without brokers and without the platform."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from harness.bank import Bank, new_bank
from harness.postgres import PostgresServer


@pytest.fixture(scope="session")
def bank(postgres: PostgresServer) -> Iterator[Bank]:
    """Running services that all tests share. Each test uses its own accounts."""
    bank = new_bank(postgres)
    with bank.running():
        yield bank


@pytest.fixture
def accounts(bank: Bank) -> Iterator[httpx.Client]:
    """A client of the accounts service."""
    with bank.client("accounts") as client:
        yield client


@pytest.fixture
def payments(bank: Bank) -> Iterator[httpx.Client]:
    """A client of the payments service."""
    with bank.client("payments") as client:
        yield client
