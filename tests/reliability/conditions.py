"""Special installations, for the faults that need them. To add one, write a class here."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import time
from typing import Self

import httpx
import pytest

from harness.api import ALL_SCOPES, create_key
from harness.debian import program
from harness.postgres import PostgresServer, TestDatabase
from harness.processes import run_command
from reliability.release import RELEASE, has_release, released_source

_DISK_MB = 200


class Conditions:
    """An ordinary installation."""

    @classmethod
    @contextmanager
    def made(cls) -> Iterator[Self]:
        """Make the conditions, and remove them after the installation."""
        yield cls()

    def env(self) -> dict[str, str]:
        """Return environment variables of all processes."""
        return {}

    def api_env(self) -> dict[str, str]:
        """Return further environment variables of the APIs."""
        return {}

    def database(self, postgres: PostgresServer) -> TestDatabase:
        """Create the installation's database."""
        return postgres.new_database()

    def migrate(self, env: dict[str, str], database: TestDatabase) -> None:
        """Migrate the database, unless it was created so."""

    def create_key(self, env: dict[str, str]) -> str:
        """Create and return an API key with all scopes."""
        return create_key(env, *ALL_SCOPES)

    def repeats(self, first: bytes, again: bytes) -> bool:
        """Return whether the second response to a purchase is right after the first."""
        return again == first


def migrate_as_owner(env: dict[str, str], database: TestDatabase) -> None:
    """Run `txplatform migrate` as the owner of the database, with both URLs."""
    owner = {"TXPLATFORM_MIGRATION_DATABASE_URL": database.owner_url}
    code, _, errors = run_command("migrate", env={**env, **owner})
    assert code == 0, errors


class DocumentedRoles(Conditions):
    """An installation whose owner may not create roles, as docs/operations.md sets it up."""

    def database(self, postgres: PostgresServer) -> TestDatabase:
        return postgres.documented_database()

    def migrate(self, env: dict[str, str], database: TestDatabase) -> None:
        migrate_as_owner(env, database)


class VersionBefore(Conditions):
    """An installation of the version before.

    Args:
        source: The folder of its source.
    """

    def __init__(self, source: Path) -> None:
        self._source = source

    @classmethod
    @contextmanager
    def made(cls) -> Iterator[Self]:
        """Take the source from the history of the repository, or skip the test."""
        if not has_release():
            pytest.skip(
                f"the history of this clone lacks commit {RELEASE}, the version before;"
                " if the clone is shallow, run `git fetch --unshallow`"
            )
        with released_source() as source:
            yield cls(source)

    def env(self) -> dict[str, str]:
        # As CHANGELOG.md says, so that no consumer has to stop before the others start.
        return {"PYTHONPATH": str(self._source), "TXPLATFORM_KAFKA_GROUP_ID": "txplatform"}

    def database(self, postgres: PostgresServer) -> TestDatabase:
        return postgres.empty_database()

    def migrate(self, env: dict[str, str], database: TestDatabase) -> None:
        migrate_as_owner(env, database)

    def create_key(self, env: dict[str, str]) -> str:
        scopes = (word for scope in ALL_SCOPES for word in ("--scope", scope))
        code, key, errors = run_command("keys", "create", "--name", "test", *scopes, env=env)
        assert code == 0, errors
        return key.strip()

    def repeats(self, first: bytes, again: bytes) -> bool:
        """Return whether no field of the first response is missing or changed.

        The newer version may add fields.
        """
        return bool(json.loads(first).items() <= json.loads(again).items())


class SettableClock(Conditions):
    """An installation whose APIs read their clocks from a file; so may others without Kafka.

    libfaketime does not reach `cnd_timedwait`, by which the Kafka client waits until a time of the
    wall clock. With a clock ahead, each wait would last an hour; with one behind, no time at all.

    Args:
        file: What the file says is added to the true time, such as `+3600`.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    @classmethod
    @contextmanager
    def made(cls) -> Iterator[Self]:
        """Write the file; skip the test if libfaketime is not installed."""
        program("faketime")
        with tempfile.TemporaryDirectory(prefix="txplatform-clock-") as folder:
            clock = cls(Path(folder, "clock"))
            clock.set(0)
            yield clock

    def api_env(self) -> dict[str, str]:
        (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, off_s: int) -> None:
        """Set all clocks wrong by some seconds."""
        self._file.write_text(f"{off_s:+d}")

    def off_s(self, url: str) -> float:
        """Return by how much the time is wrong that an API tells its clients, in seconds."""
        date = parsedate_to_datetime(httpx.get(f"{url}/livez").headers["date"])
        return date.timestamp() - time()


class SmallDisk(Conditions):
    """An installation whose tables are on a small disk; the WAL is on another one.

    Attributes:
        folder: Where the disk is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._of_server = folder / "postgres"
        self._ballast = folder / "ballast"

    @classmethod
    @contextmanager
    def made(cls) -> Iterator[Self]:
        """Mount the disk; skip the test without the right to mount."""
        with tempfile.TemporaryDirectory(prefix="txplatform-disk-") as name:
            folder = Path(name)
            folder.chmod(0o755)
            mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m", "tmpfs", name]
            if subprocess.run(mount, check=False, capture_output=True).returncode:
                pytest.skip("needs the right to mount a file system")
            disk = cls(folder)
            try:
                disk._of_server.mkdir()
                yield disk
            finally:
                subprocess.run(["umount", "--lazy", name], check=True)

    def database(self, postgres: PostgresServer) -> TestDatabase:
        postgres.give(self._of_server)
        return postgres.new_database(tablespace=self._of_server)

    def fill(self) -> None:
        """Leave no free byte."""
        with self._ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(1 << 16))

    def free(self) -> None:
        """Free what `fill` used."""
        self._ballast.unlink()


class SmallDiskOfWal(SmallDisk):
    """An installation whose WAL is on a small disk; the tables are on another one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._afterwards = ExitStack()

    @classmethod
    @contextmanager
    def made(cls) -> Iterator[Self]:
        """Mount the disk, and move the WAL back afterwards."""
        with super().made() as disk:
            try:
                yield disk
            finally:
                disk.move_back()

    def database(self, postgres: PostgresServer) -> TestDatabase:
        postgres.give(self._of_server)
        self._afterwards.callback(postgres.move_wal(self._of_server))
        return postgres.new_database()

    def move_back(self) -> None:
        """Move the WAL to where it was before."""
        self._afterwards.close()
