"""`txplatform demo` as a newcomer uses it: start, run the printed commands, stop, restart."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from harness.waiting import wait_until

START_WITHIN_S = 600
PROGRAM = (sys.executable, "-m", "txplatform.cli", "demo", "--port", "0")
ALONE = "--platform-only"

_LINES = re.MULTILINE | re.DOTALL


class Demo:
    """A running demo."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.output = folder.parent / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*PROGRAM, "--data-dir", folder, *words],
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        """The output so far."""
        return self.output.read_text()

    def wait_for(self, words: str) -> None:
        def printed() -> bool:
            assert words in self.text or self.process.poll() is None, self.text
            return words in self.text

        wait_until(printed, timeout_s=START_WITHIN_S, message=words)

    def wait_for_day(self, day: str) -> None:
        """Wait until the live line shows this simulated day, or a later one."""

        def reached() -> bool:
            assert self.process.poll() is None, self.text
            return max(re.findall(r"^\d{4}-\d\d-\d\d", self.text, re.MULTILINE), default="") >= day

        wait_until(reached, timeout_s=START_WITHIN_S, message=day)

    def curl(self, number: int) -> dict[str, object]:
        """Run one of the printed curl lines unchanged and return the JSON."""
        lines = [line for line in self.text.splitlines() if line.startswith("curl ")]
        assert len(lines) == 3
        done = subprocess.run(["bash", "-c", lines[number]], capture_output=True, check=True)
        response: dict[str, object] = json.loads(done.stdout)
        return response

    def get(self, path: str) -> dict[str, Any]:
        """Call the API with the printed URL and key."""
        ((url, key),) = re.findall(r"^  API +(\S+) .*?^  API key +(\S+)$", self.text, _LINES)
        response = httpx.get(f"{url}{path}", headers={"Authorization": f"Bearer {key}"}, timeout=30)
        assert response.is_success, response.text
        found: dict[str, Any] = response.json()
        return found

    def command_line(self, *further: str) -> str:
        """Run the printed export and command unchanged, then further commands of the program."""
        lines = self.text.splitlines()
        first = next(number for number, line in enumerate(lines) if line.startswith("export TXP"))
        settings, command = lines[first : first + 2]
        program = command.removesuffix(" verify")
        assert program != command
        script = "\n".join([settings, command, *(f"{program} {words}" for words in further)])
        done = subprocess.run(
            ["bash", "-ec", script], capture_output=True, check=False, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def stop(self, number: signal.Signals = signal.SIGINT, *, times: int = 1) -> int:
        """Send the signal, Ctrl-C by default, and return the exit code."""
        for _ in range(times):
            self.process.send_signal(number)
        return self.process.wait(30)


@contextmanager
def demo(folder: Path, *words: str) -> Iterator[Demo]:
    """Run a demo and stop it afterwards."""
    running = Demo(folder, *words)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop(signal.SIGTERM)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder that the unprivileged PostgreSQL user can enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="txplatform-demo-") as parent:
        Path(parent).chmod(0o755)
        yield Path(parent, "data")


def children_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return all descendants of the process."""
    return psutil.Process(process.pid).children(recursive=True)


def _ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_the_printed_lines_work_and_the_data_survives_a_restart(folder: Path) -> None:
    with demo(folder, ALONE, "--speed", "20") as first:
        first.wait_for("ready after")
        decision = first.curl(0)
        assert decision["decision"] == "approved"
        assert str(decision["decided_at"]).startswith("2017-")
        account = decision["account_id"]
        balance = first.curl(1)
        assert balance["account_id"] == account
        assert isinstance(balance["pending"], int)
        assert balance["pending"] >= 1250

        def listed() -> bool:
            items = first.curl(2)["items"]
            assert isinstance(items, list)
            return any(item["transaction_id"] == "try-1" for item in items) or len(items) == 5

        wait_until(listed, message="the decision in the list")
        events = first.get(f"/v1/accounts/{account}/events")["items"]
        assert all(event["simulated"] for event in events)
        causes = [event["caused_by"] for event in events]
        keys = {cause["name"] for cause in causes if cause["kind"] == "api_key"}
        assert keys == {"demo run 1, simulated clock"}
        first.wait_for("decisions/s")
        family = children_of(first.process)
        assert first.stop() == 0
        assert all(_ended(each) for each in family)
    with demo(folder, ALONE) as second:
        second.wait_for("ready after")
        assert second.get(f"/v1/accounts/{account}/transactions/try-1")["amount"] == 1250
        assert second.stop(signal.SIGTERM) == 0


@pytest.mark.long
def test_everything_is_decided_on_its_day_also_after_a_restart(folder: Path) -> None:
    """As fast as possible, so that a day has no time to spare."""

    def events(running: Demo) -> list[tuple[str, datetime, datetime, datetime | None]]:
        """Return kind, recorded, decided and business time of all events, in the log's order."""
        (export,) = [line for line in running.text.splitlines() if line.startswith("export TXP")]
        (url,) = [
            word.partition("=")[2]
            for word in shlex.split(export)
            if word.startswith("TXPLATFORM_DATABASE_URL=")
        ]
        with psycopg.connect(url) as connection:
            return connection.execute(
                "SELECT topic, recorded_at, (e::json->>'timestamp')::timestamptz,"
                " substring(e FROM %s)::timestamptz FROM events,"
                " LATERAL (SELECT convert_from(state, 'UTF8') e) s ORDER BY position",
                ('"(?:occurred|opened|presented|submitted)_at":"([^"]+)"',),
            ).fetchall()

    for first_day, until_day in (
        (date(2017, 3, 31), "2017-05-03"),
        (date(2018, 4, 6), "2018-04-12"),
    ):
        with demo(folder, ALONE, "--speed", "0") as running:
            running.wait_for_day(until_day)
            found = [row for row in events(running) if row[1].date() >= first_day]
            printed = running.command_line()
            assert running.stop() == 0
        assert found[0][1].date() == first_day
        recorded = [at for _, at, _, _ in found]
        assert recorded == sorted(recorded)
        kinds = set()
        for kind, at, decided_at, occurred_at in found:
            if kind != "hold-expired":
                business_time = occurred_at or decided_at
                assert at.date() == decided_at.date() == business_time.date(), (kind, at)
                assert at.hour == 12
            if occurred_at is not None:
                kinds.add(kind)
        assert {"authorization-approved", "purchase-cleared", "account-opened"} <= kinds
        assert f"made by `txplatform demo`; it is {until_day[:7]}" in printed


def test_a_port_that_is_taken_is_named(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = subprocess.run(
            [*PROGRAM, "--data-dir", folder, ALONE, "--port", str(port)],
            capture_output=True,
            check=False,
            text=True,
        )
    assert done.returncode == 1
    # Another program may hold one of the ports after it; the demo names that one as well.
    named = f"txplatform demo: The demo cannot listen on {port} (API: Address already in use)"
    assert done.stderr.startswith((f"{named}.", f"{named}, {port + 1} "))
    assert "--port 0 takes free ones" in done.stderr


@pytest.mark.parametrize(
    "words", [("--port", "70000"), ("--port", "x"), ("--speed", "-1"), ("--speed", "nan")]
)
def test_an_impossible_option_is_wrong_use(folder: Path, words: tuple[str, str]) -> None:
    done = subprocess.run(
        [*PROGRAM, "--data-dir", folder, *words], capture_output=True, check=False, text=True
    )
    assert done.returncode == 2
    assert f"argument {words[0]}: " in done.stderr


@pytest.mark.long
def test_the_printed_command_line_works_on_the_demos_data(folder: Path) -> None:
    with demo(folder, ALONE) as running:
        running.wait_for("ready after")
        printed = running.command_line("doctor", "rebuild --all")
    assert "accepts connections as txplatform_demo" in printed


@pytest.mark.long
def test_a_second_demo_on_the_same_folder_is_refused_and_the_first_continues(folder: Path) -> None:
    with demo(folder, ALONE) as first:
        first.wait_for("ready after")
        second = subprocess.run(
            [*PROGRAM, "--data-dir", folder, ALONE],
            capture_output=True,
            check=False,
            text=True,
        )
        assert second.returncode == 1
        assert "--data-dir" in second.stderr
        assert first.curl(1)["currency"] == "GBP"


@pytest.mark.long
def test_ctrl_c_during_the_start_and_pressed_twice_stops_everything(folder: Path) -> None:
    with demo(folder, ALONE) as running:
        wait_until((folder / "postgres.new").exists, message="PostgreSQL's folder")
        family = children_of(running.process)
        assert running.stop(times=2) == 0
        wait_until(lambda: all(_ended(each) for each in family), message="the children's end")


@pytest.mark.long
def test_a_killed_demo_leaves_no_process_and_starts_again(folder: Path) -> None:
    with demo(folder, ALONE) as running:
        running.wait_for("ready after")
        running.curl(0)
        family = children_of(running.process)
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait()
        wait_until(lambda: all(_ended(each) for each in family), message="the children's end")
    with demo(folder, ALONE) as again:
        again.wait_for("ready after")
        assert again.curl(0)["decision"] == "approved"


@pytest.mark.long
def test_a_part_that_dies_is_reported_and_stops_the_demo(folder: Path) -> None:
    with demo(folder, ALONE) as running:
        running.wait_for("decisions/s")
        (worker,) = [
            each for each in children_of(running.process) if each.cmdline()[-1:] == ["worker"]
        ]
        worker.kill()
        assert running.process.wait(30) == 1
        assert "The worker was killed by SIGKILL." in running.text
        assert "Run `make demo` again; the data is kept." in running.text


def test_the_card_leads_a_cardholder_and_staff_into_the_bank(folder: Path) -> None:
    """The card's keys and logins work, and each service has the account of the year."""
    path = folder.parent / "card.json"
    with demo(folder, "--card", str(path)) as running:
        wait_until(path.exists, timeout_s=START_WITHIN_S, message="the card")
        card = json.loads(path.read_text())
        platform, bank = card["platform"], card["bank"]
        cardholder = bank["cardholder"]
        account = cardholder["account_id"]
        key = {"Authorization": f"Bearer {bank['key']}"}
        booked = httpx.get(f"{bank['accounts_url']}/v1/accounts/{account}", headers=key).json()
        assert booked["holder"]["email"].endswith("@example.org")
        known = httpx.get(
            f"{platform['url']}/v1/accounts/{account}/balance",
            headers={"Authorization": f"Bearer {platform['key']}"},
        ).json()
        assert known["credit_limit"] == booked["credit_limit"]
        for url, path_of_list in (
            (bank["payments_url"], "payments"),
            (bank["notifications_url"], "deliveries"),
        ):
            response = httpx.get(f"{url}/v1/{path_of_list}", headers=key)
            assert response.status_code == 200, response.text
        origin = {"Origin": bank["web_url"]}
        for login, first_page in ((cardholder, "/"), (bank["staff"], "/staff")):
            with httpx.Client(base_url=bank["web_url"], headers=origin) as client:
                client.post(
                    "/login", data={"user_name": login["user"], "password": login["password"]}
                )
                page = client.get(first_page)
                assert page.status_code == 200
                assert account in page.text
                assert "Demo: purchases are simulated." in page.text
        assert running.process.poll() is None
        assert bank["web_url"] in running.text
        assert path.stat().st_mode & 0o077 == 0
        assert running.stop() == 0
