"""The commands of `txbank` end with a message, not with a traceback."""

from __future__ import annotations

import os
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import psycopg
import pytest

from harness.bank import NOWHERE, Bank, new_bank
from harness.postgres import PostgresServer
from harness.processes import run_command
from txbank.cli import main

KEY = ("keys", "create", "--name", "test", "--scope", "accounts:read")
USER = ("users", "add", "mia", "--role", "staff")
COMMANDS = [
    ("migrate",),
    ("migrate", "accounts"),
    KEY,
    ("keys", "list", "accounts"),
    ("keys", "revoke", "accounts", "00000000-0000-0000-0000-000000000000"),
    USER,
]
PASSWORD = b"correct horse battery\n"


@pytest.fixture(scope="module")
def own(postgres: PostgresServer) -> Bank:
    """A bank whose databases other tests do not use."""
    return new_bank(postgres)


def run(words: tuple[str, ...], env: dict[str, str], stdin: bytes = PASSWORD) -> tuple[int, str]:
    """Run a command in this process, and return its exit code and its message.

    An error that would be a traceback is raised.
    """
    err = StringIO()
    with pytest.MonkeyPatch.context() as patch:
        for name in [each for each in os.environ if each.startswith("TXBANK_")]:
            patch.delenv(name)
        for name, value in env.items():
            patch.setenv(name, value)
        patch.setattr("sys.stdin", TextIOWrapper(BytesIO(stdin)))
        patch.setattr("sys.stderr", err)
        try:
            code = main(words)
        except SystemExit as wrong_use:
            code = int(str(wrong_use.code))
    return code, err.getvalue()


def failure(*words: str, env: dict[str, str], code: int = 1, stdin: bytes = PASSWORD) -> str:
    """Run a command that fails, and return its message."""
    found, err = run(words, env, stdin)
    assert found == code, err
    return err


def with_url(bank: Bank, url: str) -> dict[str, str]:
    """Return the environment with another database for each service."""
    return {
        name: url if name.endswith("DATABASE_URL") else value for name, value in bank.env.items()
    }


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_database_that_is_down_is_named(own: Bank, words: tuple[str, ...]) -> None:
    err = failure(*words, env=with_url(own, f"postgresql://bank:secret@{NOWHERE}/bank"))
    assert "The database of " in err
    assert "DATABASE_URL" in err
    assert "secret" not in err


@pytest.mark.parametrize("words", COMMANDS[2:], ids=" ".join)
def test_a_database_that_is_not_migrated_is_named(
    own: Bank, postgres: PostgresServer, words: tuple[str, ...]
) -> None:
    err = failure(*words, env=with_url(own, postgres.empty_database().service_url))
    assert "is not migrated to this version. Run `txbank migrate" in err


def test_a_database_of_a_newer_version_is_named(postgres: PostgresServer) -> None:
    bank = new_bank(postgres)
    with psycopg.connect(bank.databases["accounts"].owner_url) as connection:
        connection.execute("INSERT INTO alembic_version VALUES ('accounts_9999')")
    assert "revisions that this version does not know" in failure("migrate", env={**bank.env})


def test_a_role_that_may_not_migrate_is_named(own: Bank, postgres: PostgresServer) -> None:
    found = postgres.empty_database()
    err = failure("migrate", "accounts", env=with_url(own, found.service_url))
    assert "The database of accounts cannot be used. permission denied" in err


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysql://bank:secret@localhost/bank",
        "postgresql://bank:secret@[::1/bank",
        "postgresql://bank:secret@host/bank?nonsense=1",
        "postgresql://bank:secret@%zz/bank",
        "postgresql://bank:p@secret@host/bank",
        "postgresql://bank:5432/secret@host/bank",
    ],
)
@pytest.mark.parametrize("words", [*COMMANDS, ("accounts",)], ids=" ".join)
def test_a_url_that_is_none_is_named_and_not_repeated(
    own: Bank, words: tuple[str, ...], url: str
) -> None:
    err = failure(*words, env=with_url(own, url))
    assert "DATABASE_URL: " in err
    assert "secret" not in err


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        (USER, b""),
        (USER, b"\xff" * 20 + b"\n"),
        (USER, b"x" * 200_000),
        (("users", "add", "Not A Name", "--role", "staff"), PASSWORD),
        ((*USER, "--account", "acc-1"), PASSWORD),
        ((*USER, "--account", "../x"), PASSWORD),
        ((*USER, "--account", ".."), PASSWORD),
    ],
)
def test_a_user_that_cannot_be_added_is_refused(
    own: Bank, words: tuple[str, ...], stdin: bytes
) -> None:
    assert failure(*words, env={**own.env}, stdin=stdin)


@pytest.mark.parametrize(
    "words",
    [
        ("keys", "create", "--name", "a\udcff", "--scope", "accounts:read"),
        ("keys", "create", "--name", "a\nb", "--scope", "accounts:read"),
        ("keys", "create", "--name", "a", "--scope", "none"),
        ("keys", "revoke", "accounts", "x"),
        ("users", "add", "mia\udcff", "--role", "staff"),
        (*USER, "--account", "a\udcff"),
        ("migrate", "none"),
        (),
    ],
)
def test_wrong_use_ends_with_2(own: Bank, words: tuple[str, ...]) -> None:
    assert "usage" in failure(*words, env={**own.env}, code=2)


@pytest.mark.parametrize("host", ["a..b", "192.0.2.1"])
def test_a_host_at_which_a_service_cannot_listen_is_named(own: Bank, host: str) -> None:
    env = {**own.env, "TXBANK_ACCOUNTS_HOST": host}
    code, _, err = run_command("accounts", env=env, program="txbank")
    assert (code, "Traceback" in err) == (1, False)
    assert "TXBANK_ACCOUNTS_HOST" in err


def test_a_secret_that_is_no_text_is_named(own: Bank, tmp_path: Path) -> None:
    (tmp_path / "txbank_platform_key").write_bytes(b"\xff")
    env = {name: value for name, value in own.env.items() if name != "TXBANK_PLATFORM_KEY"}
    err = failure(*USER, env={**env, "TXBANK_SECRETS_DIR": str(tmp_path)})
    assert f"A file in {tmp_path} cannot be read." in err
