"""A backup taken under load is restored on another server, as docs/operations.md says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import httpx
import pytest

from harness.documents import code_blocks, document
from harness.inbound import SUBMITTED
from harness.postgres import PostgresServer, TestDatabase
from harness.processes import run_command
from harness.published import Order, decided, deduped, read_topic
from harness.waiting import wait_until
from reliability.checks import (
    Evidence,
    i1_replay_gives_the_same_numbers,
    i3_each_key_has_one_effect,
    i6_no_approval_exceeds_the_credit,
    i7_versions_are_contiguous,
    lags,
)
from reliability.conditions import DocumentedRoles, migrate_as_owner
from reliability.installation import Installation, infrastructure, installed
from reliability.load import ACCOUNTS, Load, loaded
from txplatform.publisher import TOPICS

_LAST = "SELECT max(position) FROM events"
_LAST_ID = "SELECT max(id) FROM inbound_messages"
_MARGIN = 1_000_000


@pytest.mark.long
def test_i8_after_a_restore_messages_are_read_again_and_purchases_decided_anew(
    tmp_path: Path,
) -> None:
    with (
        infrastructure() as shared,
        PostgresServer(template=False) as new_server,
        installed(shared, DocumentedRoles()) as installation,
    ):
        old, env, bootstrap = installation.database, installation.env, shared.kafka.bootstrap
        forgotten, leaked = _create_key(env), _create_key(env)
        with loaded(installation) as load:
            load.wait_for_answers(50)
            _run(_example("sh", "pg_dump"), tmp_path, {"db-1": shared.postgres})
            for key_id, _ in (forgotten, leaked):
                assert run_command("keys", "revoke", key_id, env=env)[0] == 0
            load.wait_for_answers(50)
        wait_until(lambda: not lags(installation, load), message="all to be published")
        for service in installation.services:
            assert service.command.stop() == 0

        new = new_server.documented_database()
        _run(_example("sh", "pg_restore"), tmp_path, {"db-2": new_server})
        changed = {"TXPLATFORM_DATABASE_URL": new.service_url}
        env |= changed
        installation.database = new
        migrate_as_owner(env, new)
        restored = _number(installation, _LAST)
        published = _highest_published(env)
        assert published == max(
            int(each.header("log_position"))
            for topic in TOPICS
            for each in read_topic(bootstrap, topic)
        )
        assert restored < published  # the restore loses decisions
        raised_to = _raise_numbers(installation, published)
        assert not _revoked(env) & {forgotten[0], leaked[0]}
        assert run_command("keys", "revoke", leaked[0], env=env)[0] == 0
        code, out, errors = run_command("verify", env=env)
        assert code == 0, out + errors
        for service in installation.services:
            service.command.start(**changed)
            service.wait_ready()

        evidence = Evidence(installation, load)
        url = f"{evidence.url}/v1/accounts/{ACCOUNTS[0]}/balance"
        for (_, key), status in ((forgotten, 200), (leaked, 401)):
            assert httpx.get(url, headers={"Authorization": f"Bearer {key}"}).status_code == status
        with load.client() as client:
            for asked in load.asked.values():
                assert load.ask(client, asked)
        wait_until(lambda: not lags(installation, load), message="messages to be read again")
        assert i1_replay_gives_the_same_numbers(evidence) == []
        assert i3_each_key_has_one_effect(evidence) == []
        assert i6_no_approval_exceeds_the_credit(evidence) == []
        assert i7_versions_are_contiguous(evidence) == []
        assert _posted(evidence) == _posted_by_messages(load)
        assert _number(installation, f"{_LAST} WHERE position < {raised_to}") == restored
        _check_readers(bootstrap, old, new, lost=range(restored + 1, raised_to))


def _check_readers(bootstrap: str, old: TestDatabase, new: TestDatabase, *, lost: range) -> None:
    """Check that readers have the decisions of both histories, however they drop copies."""
    before, after = decided(old), decided(new)
    records = read_topic(bootstrap)
    by_position = deduped(records)
    for account_id, events in after.items():
        anew = [each for each in events if each not in before[account_id]]
        assert by_position[account_id] == before[account_id] + anew
    by_id = {each.header("event_id") for each in records}
    assert by_id == _ids(before) | _ids(after)
    assert _ids(before) - _ids(after) == {
        each.header("event_id") for each in records if int(each.header("log_position")) in lost
    }
    assert _ids(before) - _ids(after)
    assert _ids(after) - _ids(before)


def _ids(order: Order) -> set[str]:
    return {event_id for events in order.values() for event_id in events}


def _example(language: str, containing: str) -> str:
    (code,) = code_blocks(document("operations.md"), language, containing)
    return code


def _run(code: str, folder: Path, servers: dict[str, PostgresServer]) -> None:
    """Run a shell example with these servers instead of the hosts that it names."""
    for host, server in servers.items():
        assert f"@{host}/" in code
        server.run_documented(code.replace(f"@{host}/", f"@127.0.0.1:{server.port}/"), folder)


def _highest_published(env: dict[str, str]) -> int:
    script = _example("python", "log_position")
    command = [sys.executable, "-"]
    done = subprocess.run(
        command,
        input=script,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def _raise_numbers(installation: Installation, published: int) -> int:
    """Raise the numbers of new events and messages, and return the first position."""
    position, message_id = published + _MARGIN, _number(installation, _LAST_ID) + _MARGIN
    statements = _example("sql", "RESTART WITH")
    for example, number in (("5200000", position), ("3100000", message_id)):
        assert example in statements
        statements = statements.replace(example, str(number))
    installation.execute(statements)
    return position


def _number(installation: Installation, query: str) -> int:
    ((number,),) = installation.execute(query)
    assert isinstance(number, int)
    return number


def _create_key(env: dict[str, str]) -> tuple[str, str]:
    """Create a key that may read balances; return its id and the key."""
    words = ("keys", "create", "--name", "reader", "--scope", "accounts:read", "--json")
    code, out, errors = run_command(*words, env=env)
    assert code == 0, errors
    created = json.loads(out)
    return created["id"], created["key"]


def _revoked(env: dict[str, str]) -> set[str]:
    """Return the ids of the keys that are revoked."""
    code, out, errors = run_command("keys", "list", "--json", env=env)
    assert code == 0, errors
    return {key["id"] for key in json.loads(out) if key["revoked_at"]}


def _posted(evidence: Evidence) -> dict[str, int]:
    with evidence.load.client() as client:
        return {
            account_id: client.get(f"{evidence.url}/v1/accounts/{account_id}/balance").json()[
                "posted"
            ]
            for account_id in ACCOUNTS
        }


def _posted_by_messages(load: Load) -> dict[str, int]:
    """Return what is owed by account, if each acknowledged message was applied once."""
    posted = Counter[str]()
    for topic, body in load.sent.values():
        posted[body["account_id"]] += -body["amount"] if topic == SUBMITTED else body["amount"]
    return {account_id: posted[account_id] for account_id in ACCOUNTS}
