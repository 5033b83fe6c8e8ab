"""pgbouncer in front of a PostgreSQL server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.certificates import Pair
from harness.debian import program
from harness.postgres import SERVICE_ROLE, PostgresServer, TestDatabase
from harness.waiting import wait_until
from txplatform.demo.processes import free_port

_SETTINGS = """
[databases]
* = host=127.0.0.1 port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
ignore_startup_parameters = options
"""


@contextmanager
def pgbouncer(server: PostgresServer, *settings: str) -> Iterator[int]:
    """Run pgbouncer with settings such as `pool_mode = session`; yield its port."""
    command = [program("pgbouncer")]
    folder = Path(tempfile.mkdtemp(prefix="txplatform-pgbouncer-"))
    folder.chmod(0o755)
    port = free_port()
    roles = ("postgres", SERVICE_ROLE)
    (folder / "users").write_text("".join(f'"{role}" ""\n' for role in roles))
    text = _SETTINGS.format(server_port=server.port, port=port, folder=folder)
    (folder / "ini").write_text("\n".join((text, *settings)))
    with (folder / "log").open("wb") as log:
        if os.geteuid() == 0:
            command = [*server.as_user(), *command]  # pgbouncer refuses to run as root
        process = subprocess.Popen([*command, str(folder / "ini")], stdout=log, stderr=log)
    try:
        wait_until(lambda: _answers(port), message=(folder / "log").read_text())
        yield port
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder)


@contextmanager
def tls_in_front_of(
    server: PostgresServer, pair: Pair, *, client_authority: Path | None = None
) -> Iterator[int]:
    """Run pgbouncer so that it demands TLS, and yield its port. The wheel's server has no TLS.

    Args:
        server: The server behind it.
        pair: The certificate that it shows.
        client_authority: The authority of the certificates that clients need; None if they need
            none.
    """
    with tempfile.TemporaryDirectory(prefix="txplatform-tls-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        settings = ["pool_mode = session", "client_tls_sslmode = require"]
        files = {"cert_file": pair.certificate, "key_file": pair.key}
        if client_authority is not None:
            settings[1] = "client_tls_sslmode = verify-full"
            files["ca_file"] = client_authority
        for setting, source in files.items():
            copied = Path(shutil.copy(source, folder / setting))
            server.give(copied)
            settings.append(f"client_tls_{setting} = {copied}")
        with pgbouncer(server, *settings) as port:
            yield port


def by_way_of(port: int, database: TestDatabase) -> TestDatabase:
    """Return the database with URLs that lead through a pooler."""
    url = "postgresql://{}@127.0.0.1:{}/{}".format
    return TestDatabase(
        database.name,
        url("postgres", port, database.name),
        url(SERVICE_ROLE, port, database.name),
    )


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True
