"""`txplatform keys` prints usable keys and ids, and refuses wrong options."""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
from collections.abc import Mapping

import psycopg
import pytest
from rich.table import Table

from harness.processes import run_command
from txplatform.api_keys import Scope
from txplatform.cli.tables import print_table

ALL_SCOPES = [word for scope in Scope for word in ("--scope", scope.value)]


def listed(env: Mapping[str, str]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(run_command("keys", "list", "--json", env=env)[1])
    return found


def test_the_list_prints_each_key_on_one_line_without_truncation(
    service_env: dict[str, str],
) -> None:
    """So a script can take the id from the line, here to revoke the key."""
    words = ("--name", "shop [main]", *ALL_SCOPES, "--expires", "90d")
    assert run_command("keys", "create", *words, env=service_env)[0] == 0
    line = run_command("keys", "list", env=service_env)[1].splitlines()[-1]
    assert "shop [main]" in line
    assert all(scope in line for scope in Scope)
    code, _, err = run_command("keys", "revoke", line.split()[0], env=service_env)
    assert code == 0, err
    assert listed(service_env)[0]["revoked_at"]


@pytest.mark.parametrize("when", ["2020-01-01", "2020-01-01T00:00:00+02:00", "0d", "yesterday"])
def test_a_key_that_would_already_be_expired_is_not_created(
    service_env: dict[str, str], when: str
) -> None:
    words = ("--name", "old", "--scope", "audit:read", "--expires", when)
    code, out, err = run_command("keys", "create", *words, env=service_env)
    assert (code, out) == (2, "")
    assert f"'{when}' is n" in err
    assert listed(service_env) == []


def test_an_unknown_scope_is_refused_with_a_list_of_all_scopes(
    service_env: dict[str, str],
) -> None:
    words = ("--name", "x", "--scope", "rubbish")
    code, _, err = run_command("keys", "create", *words, env=service_env)
    assert code == 2
    assert "'rubbish'" in err
    assert all(scope in err for scope in Scope)


def test_a_limited_key_is_listed_with_its_accounts(service_env: dict[str, str]) -> None:
    """An account that is given more than once counts once towards the limit of 100."""
    accounts = ("--account", "acc-2", "--account", " acc-1 ", *("--account", "acc-2") * 100)
    words = ("--name", "shop", "--scope", "accounts:read", *accounts)
    code, out, err = run_command("keys", "create", *words, "--json", env=service_env)
    assert (code, json.loads(out)["accounts"]) == (0, ["acc-1", "acc-2"]), err
    assert listed(service_env)[0]["accounts"] == ["acc-1", "acc-2"]
    assert listed(service_env)[0]["last_used_at"] is None
    assert "acc-1 acc-2" in run_command("keys", "list", env=service_env)[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--account", "a b"), "'a b' is not the id of an account"),
        (("--account", ".."), "'..' is not the id of an account"),
        (("--account", "acc-1", "--scope", "rules:read"), "cannot have the scope rules:read"),
        (
            tuple(word for n in range(101) for word in ("--account", f"acc-{n}")),
            "at most 100 accounts",
        ),
    ],
    ids=["id", "path", "scope", "number"],
)
def test_a_limit_that_makes_no_sense_is_refused(
    service_env: dict[str, str], words: tuple[str, ...], said: str
) -> None:
    given = ("--name", "x", "--scope", "accounts:read", *words)
    code, out, err = run_command("keys", "create", *given, env=service_env)
    assert (code, out) == (2, "")
    assert said in err
    assert listed(service_env) == []


def test_the_version_before_does_not_find_a_limited_key(
    service_env: dict[str, str], service: psycopg.Connection
) -> None:
    """It knows no limits, and would accept the key for all accounts."""
    words = ("--name", "x", "--scope", "accounts:read", "--json")
    found = []
    for more in ((), ("--account", "acc-1")):
        _, out, _ = run_command("keys", "create", *words, *more, env=service_env)
        digest = hashlib.sha256(json.loads(out)["key"].encode()).digest()
        query = "SELECT count(*) FROM api_keys WHERE key_sha256 = %s"  # that version's
        found += service.execute(query, (digest,)).fetchall()
    assert found == [(1,), (0,)]


class Terminal(io.StringIO):
    """A stream that claims to be a terminal, with the width of COLUMNS."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("columns", ["20", "80"])
def test_no_word_of_a_table_is_truncated_in_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    """Cells wrap between words. If that is not enough, the terminal wraps the line."""
    terminal = Terminal()
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys, "stdout", terminal)
    words = ["key_0123456789ab", "transactions:write", "accounts:read", "2026-11-20"]
    table = Table("id", "scopes", "more", "created")
    table.add_row(words[0], " ".join(words[1:3]), "a few words " * 5, words[3])
    print_table(table)
    printed = terminal.getvalue()
    assert all(word in printed for word in words)
    assert "…" not in printed
    if columns == "80":
        assert max(len(re.sub(r"\x1b\[\d*m", "", line)) for line in printed.splitlines()) <= 80
