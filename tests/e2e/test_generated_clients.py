"""Clients that generators make of the served OpenAPI document compile, and understand the API.

Each opens an account with a limit beyond 32 bits, decides in a dry run and for good, reads the
balance, lists events, and gets a problem.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.api import RunningApi
from harness.generated_clients import run_java_client, run_typescript_client


def test_a_typescript_client_is_generated_and_works(api: RunningApi, tmp_path: Path) -> None:
    assert run_typescript_client(api, tmp_path) == "done\n"


@pytest.mark.long
def test_a_java_client_is_generated_and_works(api: RunningApi, tmp_path: Path) -> None:
    assert run_java_client(api, tmp_path) == "done\n"
