"""Settings are documented; unknown, missing and invalid settings are named and refused."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr, ValidationError

from txbank.settings import load, refuse_unknown_settings
from txbank.web import WebSettings
from txplatform.settings import (
    Settings,
    SettingsError,
    client_setting,
    load_kafka_settings,
    load_settings,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


def documented() -> str:
    """Return the table that the document must contain."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.is_required() or field.default is None else f"`{field.default}`"
        if field.is_required():
            default = "required"
        rows.append(f"| `TXPLATFORM_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(["| setting | default | what it is |", "|---|---|---|", *rows])


@pytest.fixture
def _no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TXPLATFORM_DATABASE_URL", "postgresql://localhost/x")


def test_the_document_has_name_default_and_description_of_every_setting() -> None:
    assert documented() in DOCUMENT.read_text()


@pytest.mark.usefixtures("_no_file")
def test_an_unknown_setting_is_named_and_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt setting must not silently do nothing."""
    monkeypatch.setenv("TXPLATFORM_API_PROT", "8001")
    with pytest.raises(
        SettingsError, match=r"TXPLATFORM_API_PROT \(similar to TXPLATFORM_API_PORT\)"
    ):
        load_settings()


@pytest.mark.usefixtures("_no_file")
def test_the_variables_of_callers_are_not_unknown_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo prints both variables for a shell in which `txplatform` commands run too."""
    monkeypatch.setenv("TXPLATFORM_API_URL", "http://localhost:8000")
    monkeypatch.setenv("TXPLATFORM_API_KEY", "txp_key")
    assert load_settings().database_url.get_secret_value() == "postgresql://localhost/x"


@pytest.mark.usefixtures("_no_file")
def test_a_sender_of_messages_needs_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TXPLATFORM_DATABASE_URL")
    monkeypatch.setenv("TXPLATFORM_KAFKA_BOOTSTRAP_SERVERS", "broker:9092")
    assert load_kafka_settings().kafka_bootstrap_servers == "broker:9092"


def test_a_client_has_its_settings_from_the_environment_or_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TXPLATFORM_API_KEY", raising=False)
    assert client_setting("api_key") is None
    (tmp_path / ".env").write_text("TXPLATFORM_API_KEY=from-file\n")
    assert client_setting("api_key") == "from-file"
    monkeypatch.setenv("TXPLATFORM_API_KEY", "from-environment")
    assert client_setting("api_key") == "from-environment"


@pytest.mark.usefixtures("_no_file")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_PORT", "70000"),
        ("API_PORT", "many"),
        ("DATABASE_URL", "mysql://localhost/x"),
        ("DECISION_BATCH_SIZE", "0"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_an_invalid_setting_is_named_and_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"TXPLATFORM_{name}", value)
    with pytest.raises(SettingsError, match=f"TXPLATFORM_{name}"):
        load_settings()


@pytest.mark.usefixtures("_no_file")
def test_a_missing_setting_is_named_with_the_places_to_set_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TXPLATFORM_DATABASE_URL")
    with pytest.raises(SettingsError, match="TXPLATFORM_DATABASE_URL is not set") as refused:
        load_settings()
    assert "environment variable or in .env" in refused.value.next_step


@given(st.text("aB19%@:/?#&=[]!$,;'", min_size=1))
@example("50%off")
@example("p@ssword")
@example("pa@ss:word")
@example("a/b")
@example("%91")
@example("12/b")
@example("12?user=b")
@example("fine%41")
def test_a_password_that_is_not_percent_encoded_is_refused_or_is_the_password(
    password: str,
) -> None:
    """No part of it is taken for the host, the port or the database, which errors repeat."""
    url = f"postgresql://service:{password}@localhost:5432/txplatform"
    try:
        settings = Settings(database_url=SecretStr(url))
    except ValidationError as error:
        refused = str(error)
        assert "percent-encode" in refused  # not every password is refused
        assert url not in refused
    else:
        place = conninfo_to_dict(settings.service_url)
        assert place.pop("password") == unquote(password)
        assert place == {
            "user": "service", "host": "localhost", "port": "5432", "dbname": "txplatform"
        }  # fmt: skip


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs and tracebacks can contain the settings."""
    monkeypatch.setenv("TXPLATFORM_DATABASE_URL", "postgresql://me:s3cret@localhost/x")
    assert "s3cret" not in repr(load_settings())


@pytest.mark.usefixtures("_no_file")
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SECURITY_PROTOCOL", "SASL_SSL", "need TXPLATFORM_KAFKA_SASL_MECHANISM"),
        ("SSL_CA_LOCATION", "/nowhere/ca.pem", "TXPLATFORM_KAFKA_SSL_CA_LOCATION: Path does not"),
    ],
)
def test_incomplete_security_settings_are_refused_before_a_client_starts(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(f"TXPLATFORM_KAFKA_{name}", value)
    with pytest.raises(SettingsError, match=words):
        load_kafka_settings()


@pytest.mark.usefixtures("_no_file")
def test_settings_are_read_from_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TXPLATFORM_API_PORT=8123\n")
    assert load_settings().api_port == 8123
    (tmp_path / ".env").write_text("TXPLATFORM_NOPE=1\n")
    with pytest.raises(SettingsError, match="TXPLATFORM_NOPE"):
        load_settings()


OF_A_SERVICE = {
    "": "tcp://10.0.0.1:80",
    "_80_TCP": "tcp://10.0.0.1:80",
    "_80_TCP_PROTO": "tcp",
    "_80_TCP_PORT": "80",
    "_80_TCP_ADDR": "10.0.0.1",
}
"""The variables that Kubernetes sets for a Service, after its name and `_PORT`."""


def set_service_variables(monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    """Set the variables that Kubernetes sets for a Service with a named port."""
    name = service.upper().replace("-", "_")
    monkeypatch.setenv(f"{name}_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv(f"{name}_SERVICE_PORT", "80")
    monkeypatch.setenv(f"{name}_SERVICE_PORT_HTTP", "80")
    for ending, value in OF_A_SERVICE.items():
        monkeypatch.setenv(f"{name}_PORT{ending}", value)


@pytest.mark.usefixtures("_no_file")
@pytest.mark.parametrize("service", ["txplatform", "txplatform-api", "txplatform-health"])
def test_the_variables_of_a_kubernetes_service_do_not_matter(
    monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    before = load_settings()
    set_service_variables(monkeypatch, service)
    assert load_settings() == before
    Path(".env").write_text("TXPLATFORM_API_PORT=8123\n")
    assert load_settings().api_port == 8123


@pytest.mark.usefixtures("_no_file")
@pytest.mark.parametrize("service", ["txbank", "txbank-web", "txbank-accounts"])
def test_the_variables_of_a_kubernetes_service_do_not_matter_to_the_bank(
    monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    monkeypatch.setenv("TXBANK_WEB_DATABASE_URL", "postgresql://localhost/x")
    before = load(WebSettings)
    set_service_variables(monkeypatch, service)
    refuse_unknown_settings([WebSettings])
    assert load(WebSettings) == before


@pytest.mark.usefixtures("_no_file")
def test_a_port_that_no_service_has_set_is_still_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TXPLATFORM_API_PORT", "http://10.0.0.1:80")
    with pytest.raises(SettingsError, match="TXPLATFORM_API_PORT"):
        load_settings()


@pytest.mark.usefixtures("_no_file")
def test_a_file_that_cannot_be_read_is_an_error_in_words() -> None:
    Path(".env").write_bytes(b"TXPLATFORM_API_HOST=\xff\n")
    for read in (load_settings, load_kafka_settings, lambda: client_setting("api_url")):
        with pytest.raises(SettingsError, match="UTF-8 text"):
            read()


SECRETS = {
    "DATABASE_URL": "postgresql://me:s3cret@localhost/x",
    "MIGRATION_DATABASE_URL": "postgresql://owner:s3cret@localhost/x",
    "KAFKA_SASL_PASSWORD": " s3cret with blanks ",
}


@pytest.mark.usefixtures("_no_file")
@pytest.mark.parametrize("newline", ["", "\n", "\r\n", "\n\n"])
@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_can_be_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, newline: str
) -> None:
    """Editors and `echo` end a file with a newline, which is no part of the secret."""
    (tmp_path / "secret").write_bytes((SECRETS[name] + newline).encode())
    monkeypatch.delenv(f"TXPLATFORM_{name}", raising=False)
    monkeypatch.setenv(f"TXPLATFORM_{name}_FILE", str(tmp_path / "secret"))
    settings = load_settings()
    assert getattr(settings, name.lower()).get_secret_value() == SECRETS[name]
    assert f"TXPLATFORM_{name}" in settings.given_names
    assert "s3cret" not in repr(settings)


@pytest.mark.usefixtures("_no_file")
def test_the_env_file_can_name_the_file_of_a_secret_also_for_a_sender_of_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TXPLATFORM_DATABASE_URL")
    (tmp_path / "secret").write_text("s3cret\n")
    (tmp_path / ".env").write_text(
        "TXPLATFORM_KAFKA_SASL_PASSWORD_FILE=secret\nTXPLATFORM_DATABASE_URL_FILE=nowhere\n"
    )
    password = load_kafka_settings().kafka_sasl_password
    assert password is not None
    assert password.get_secret_value() == "s3cret"


@pytest.mark.usefixtures("_no_file")
@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_cannot_be_given_twice(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"TXPLATFORM_{name}", SECRETS[name])
    monkeypatch.setenv(f"TXPLATFORM_{name}_FILE", "secret")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value) == (
        f"Both TXPLATFORM_{name} and TXPLATFORM_{name}_FILE are set. Unset one of them."
    )


@pytest.mark.usefixtures("_no_file")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read. No such file or directory."),
        (b"\xffs3cret", "cannot be read. It is not UTF-8 text."),
        (b"\n", "has no text."),
        (b"s3cret\ns3cret\n", "has several lines."),
        (b"mysql://me:s3cret@localhost/x", "has to be a URL such as postgresql://"),
        (b"postgresql://me:s3cret%@localhost/x", "percent-encode"),
    ],
)
def test_a_file_without_a_secret_is_refused_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    monkeypatch.delenv("TXPLATFORM_DATABASE_URL")
    monkeypatch.setenv("TXPLATFORM_DATABASE_URL_FILE", "secret")
    with pytest.raises(SettingsError, match="TXPLATFORM_DATABASE_URL") as refused:
        load_settings()
    assert words in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.mark.usefixtures("_no_file")
def test_the_document_names_every_secret_that_a_file_can_have() -> None:
    assert all(f"`TXPLATFORM_{name}_FILE`" in DOCUMENT.read_text() for name in SECRETS)


@pytest.mark.usefixtures("_no_file")
@pytest.mark.parametrize("given", ["CERTIFICATE", "KEY"])
def test_tls_needs_certificate_and_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    (tmp_path / "tls.pem").touch()
    monkeypatch.setenv(f"TXPLATFORM_API_TLS_{given}_FILE", "tls.pem")
    with pytest.raises(SettingsError, match="TLS needs both TXPLATFORM_API_TLS_CERTIFICATE_FILE"):
        load_settings()
