"""TLS to PostgreSQL, by the parameters of libpq's URL."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest

from harness.api import balance, open_account, purchase, running_api
from harness.certificates import Authority, Pair, new_authority
from harness.pgbouncer import tls_in_front_of
from harness.postgres import SERVICE_ROLE, PostgresServer, TestDatabase
from harness.processes import run_command

PASSWORD = "s3cret"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority of the server's certificate."""
    return new_authority(tmp_path_factory.mktemp("tls") / "authority")


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    """The server's certificate."""
    return authority.issue("postgres")


def url_of(database: TestDatabase, port: int, **parameters: str | Path) -> str:
    """Return the service's URL, with parameters of libpq."""
    where = f"{SERVICE_ROLE}:{PASSWORD}@127.0.0.1:{port}/{database.name}"
    return f"postgresql://{where}?{urlencode(parameters)}"


def test_everything_is_decided_by_tls_with_the_url_in_a_file(
    postgres: PostgresServer,
    database: TestDatabase,
    authority: Authority,
    pair: Pair,
    tmp_path: Path,
) -> None:
    with tls_in_front_of(postgres, pair) as port:
        with pytest.raises(psycopg.OperationalError, match="SSL required"):
            psycopg.connect(url_of(database, port, sslmode="disable"))
        url = url_of(database, port, sslmode="verify-full", sslrootcert=authority.certificate)
        (tmp_path / "url").write_text(f"{url}\n")
        env = {"TXPLATFORM_DATABASE_URL": url}
        with running_api(env) as api:
            open_account(api.client, "acc-1", 1000)
            api.client.post("/v1/process-transaction", json=purchase("t", "acc-1", 10))
            assert balance(api.client, "acc-1")["pending"] == 10
        from_file = {"TXPLATFORM_DATABASE_URL_FILE": str(tmp_path / "url")}
        code, out, err = run_command("accounts", "--json", env=from_file)
        assert (code, err) == (0, "")
        assert '"account_id":"acc-1"' in out


def refused(database: TestDatabase, port: int, **parameters: str | Path) -> str:
    """Return what a command says that cannot connect."""
    url = url_of(database, port, **parameters)
    code, out, err = run_command("accounts", env={"TXPLATFORM_DATABASE_URL": url})
    assert (code, out) == (1, "")
    assert PASSWORD not in err
    assert "Traceback" not in err
    return err


NOT_TRUSTED = (
    "SSL error: certificate verify failed. The server's certificate has expired, or sslrootcert "
    "does not have the authority that issued it"
)


def test_a_certificate_that_is_not_trusted_is_told_and_the_password_is_not_shown(
    postgres: PostgresServer,
    database: TestDatabase,
    authority: Authority,
    pair: Pair,
    tmp_path: Path,
) -> None:
    other = new_authority(tmp_path / "other")
    with tls_in_front_of(postgres, pair) as port:
        wrong = refused(database, port, sslmode="verify-full", sslrootcert=other.certificate)
        assert NOT_TRUSTED in wrong
        missing = tmp_path / "nowhere.pem"
        lost = refused(database, port, sslmode="verify-full", sslrootcert=missing)
        assert f'root certificate file "{missing}" does not exist' in lost
    with tls_in_front_of(postgres, authority.issue("expired", days=-1)) as port:
        expired = refused(database, port, sslmode="verify-full", sslrootcert=authority.certificate)
        assert NOT_TRUSTED in expired


@pytest.mark.long
def test_a_server_can_demand_a_certificate_of_the_client(
    postgres: PostgresServer, database: TestDatabase, authority: Authority, pair: Pair
) -> None:
    trusted: dict[str, str | Path] = {
        "sslmode": "verify-full",
        "sslrootcert": authority.certificate,
    }
    own = authority.issue(SERVICE_ROLE)
    with tls_in_front_of(postgres, pair, client_authority=authority.certificate) as port:
        assert "certificate required" in refused(database, port, **trusted)
        url = url_of(database, port, **trusted, sslcert=own.certificate, sslkey=own.key)
        code, _, err = run_command("accounts", env={"TXPLATFORM_DATABASE_URL": url})
        assert (code, err) == (0, "")
