"""Settings from `TXPLATFORM_*` variables, `.env` and secret files; unknown names are refused."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar

import psycopg
from dotenv import dotenv_values
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, FilePath, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from txplatform.database import Database
from txplatform.errors import TxPlatformError
from txplatform.listening import ANY

_PREFIX = "TXPLATFORM_"
_TEST_PREFIXES = ("TXPLATFORM_TEST_", "TXPLATFORM_REQUIRE_")
"""Prefixes of the variables that configure the test suite."""

_CLIENT_VARIABLES = ("TXPLATFORM_API_URL", "TXPLATFORM_API_KEY")
"""Variables of clients such as `import` and `examples/`, which may be set in the same shell."""

_SECRETS = ("database_url", "migration_database_url", "kafka_sasl_password")
"""Settings that a file can have: `TXPLATFORM_DATABASE_URL_FILE` names the file."""

_OF_KUBERNETES = re.compile(
    r"\w+_(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)=.*"
    r"|\w+_PORT=(tcp|udp|sctp)://.*",
    re.IGNORECASE | re.DOTALL,
)
"""Variables that Kubernetes sets in every container for each Service of the namespace."""


_Kind = TypeVar("_Kind", bound="KafkaSettings")


class SettingsError(TxPlatformError):
    """Raised if a setting is unknown, missing or invalid."""


def own_variables(given: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the variables without those that Kubernetes sets.

    For a Service named `txplatform-api`, it sets `TXPLATFORM_API_PORT` to `tcp://10.0.0.1:80`,
    which must not stop the process.
    """
    return {
        name: value
        for name, value in given.items()
        if not _OF_KUBERNETES.fullmatch(f"{name}={value or ''}")
    }


def has_plain_userinfo(url: str) -> bool:
    """Return whether user name and password have none of the characters that end them in a URL.

    Otherwise libpq takes a part of the password for the host, the port or the database, and its
    errors repeat it.
    """
    userinfo, at, place = url.partition("://")[2].partition("@")
    return not at or ("@" not in place and not any(end in userinfo for end in "/?"))


class KafkaSettings(BaseSettings):
    """The settings for the brokers. A command that only sends messages needs no others."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_file=".env", extra="ignore", frozen=True
    )

    kafka_bootstrap_servers: str = Field(
        default="localhost:9092", description="host:port,host:port of the Kafka brokers."
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT",
        description="Protocol to the brokers: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.",
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None,
        description="For the SASL protocols: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.",
    )
    kafka_sasl_username: str | None = Field(default=None, description="SASL user name.")
    kafka_sasl_password: SecretStr | None = Field(
        default=None, description="SASL password.", validate_default=True
    )
    kafka_ssl_ca_location: FilePath | None = Field(
        default=None, description="File with the CA certificate of the brokers."
    )
    kafka_ssl_certificate_location: FilePath | None = Field(
        default=None, description="File with this client's certificate."
    )
    kafka_ssl_key_location: FilePath | None = Field(
        default=None, description="File with this client's private key."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # the library passes it
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leave out the variables of Kubernetes."""
        assert isinstance(env_settings, EnvSettingsSource)
        env_settings.env_vars = own_variables(env_settings.env_vars)
        return init_settings, env_settings, dotenv_settings, file_secret_settings

    @field_validator("kafka_sasl_password")
    @classmethod
    def _is_complete(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        given = info.data  # only the valid settings
        if given.get("kafka_security_protocol", "").startswith("SASL") and not (
            value and given.get("kafka_sasl_mechanism") and given.get("kafka_sasl_username")
        ):
            raise ValueError(
                "the SASL protocols need TXPLATFORM_KAFKA_SASL_MECHANISM, "
                "TXPLATFORM_KAFKA_SASL_USERNAME and TXPLATFORM_KAFKA_SASL_PASSWORD"
            )
        return value


class Settings(KafkaSettings):
    """The configuration of one process; docs/settings.md describes each setting."""

    database_url: SecretStr = Field(description="libpq URL of the service's database role.")
    migration_database_url: SecretStr | None = Field(
        default=None, description="libpq URL of the tables' owner, for migrate and rebuild."
    )
    database_statement_timeout_s: float = Field(
        default=30, gt=0, description="Longest time for one statement, seconds."
    )
    database_lock_timeout_s: float = Field(
        default=5, gt=0, description="Longest wait for a lock, seconds."
    )
    database_idle_in_transaction_timeout_s: float = Field(
        default=5,
        gt=0,
        description="Time after which the database ends an idle transaction, seconds.",
    )

    kafka_group_id: str | None = Field(
        default=None,
        min_length=1,
        description="Consumer group of `consume`; by default `txplatform-` and an id that the "
        "database keeps.",
    )
    consumer_batch_messages: int = Field(
        default=200,
        ge=1,
        le=1000,
        description="Largest number of messages in one database transaction.",
    )

    inbound_contents_days: int = Field(
        default=365,
        ge=31,
        description="Days for which the contents of messages are kept; outcomes are kept for ever.",
    )

    api_host: str = Field(default="127.0.0.1", description="Address the API listens on.")
    api_port: int = Field(default=8000, ge=0, le=65535, description="Port the API listens on.")
    api_processes: int = Field(default=1, ge=1, le=64, description="Number of API processes.")
    api_max_body_bytes: int = Field(
        default=65_536, ge=1024, description="Largest request body, bytes."
    )
    slow_request_ms: int = Field(
        default=500, ge=1, description="Duration from which a request is logged as slow, ms."
    )
    api_keep_alive_s: int = Field(
        default=75,
        ge=1,
        description="Time after which the API closes an idle connection, seconds; longer than the "
        "idle time-out of a load balancer in front of it.",
    )
    api_max_connections: int = Field(
        default=4096,
        ge=1,
        description="Largest number of open connections to an API process; others get 503. "
        "At most the limit of open files less 100.",
    )
    api_head_timeout_s: float = Field(
        default=10,
        gt=0,
        description="Time for the head of a request, and for the first byte of a connection, "
        "seconds.",
    )
    api_body_timeout_s: float = Field(
        default=30, gt=0, description="Time for the body of a request, seconds."
    )
    api_send_timeout_s: float = Field(
        default=30,
        gt=0,
        description="Time for a client to read what was sent, seconds; then the connection ends.",
    )
    api_max_streams: int = Field(
        default=100,
        ge=0,
        description="Largest number of event streams of an API process; others get 429.",
    )
    api_max_streams_per_key: int = Field(
        default=10,
        ge=0,
        description="Largest number of event streams of an API key in an API process.",
    )
    api_rate_per_key: float | None = Field(
        default=None,
        gt=0,
        description="Requests a second that an API key may send to an API process; others get "
        "429. By default there is no limit.",
    )
    api_burst_per_key: int | None = Field(
        default=None,
        ge=1,
        description="Requests that a key may send at once if it has a rate; by default those of "
        "a second.",
    )
    api_tls_certificate_file: FilePath | None = Field(
        default=None,
        description="PEM file with the API's certificate and its chain; turns TLS on.",
    )
    api_tls_key_file: FilePath | None = Field(
        default=None,
        description="PEM file with the private key of the certificate, without a passphrase.",
        validate_default=True,
    )
    api_docs: Literal["on", "off"] = Field(
        default="on", description="off closes /docs, /openapi.json, /asyncapi.json and /schemas."
    )
    api_metrics: Literal["on", "off"] = Field(
        default="on", description="off closes /metrics on the port of the API."
    )
    metrics_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port of /metrics of the first API process; the next processes count up. "
        "/metrics is then closed on the port of the API.",
    )
    health_host: str = Field(
        default=ANY,
        description="Address of probes and metrics on ports of their own; :: is all of IPv4 and "
        "IPv6.",
    )
    health_port: int | None = Field(
        default=None, ge=0, le=65535, description="Port of a worker's probes and /metrics."
    )

    stalled_after_s: float = Field(
        default=60,
        gt=0,
        description="Time for which work may wait without progress before `/readyz` of a worker "
        "and the doctor report it, seconds.",
    )

    decision_lanes: int = Field(
        default=1, ge=1, le=16, description="Number of lanes that decide in parallel, by account."
    )
    decision_batch_size: int = Field(
        default=256, ge=1, le=1000, description="Largest number of decisions in one commit."
    )
    decision_queue_size: int = Field(
        default=4096, ge=1, description="Largest number of waiting requests; others get 503."
    )
    decision_timeout_s: float = Field(
        default=10, gt=0, description="Longest time for a decision, retries included, seconds."
    )
    account_cache_size: int = Field(
        default=1_000_000,
        ge=1,
        description="Largest number of accounts cached by an API process, the consumer or the "
        "shadow evaluation.",
    )
    snapshot_every_events: int = Field(
        default=100, ge=2, description="Number of an account's events between two snapshots."
    )

    log_format: Literal["json", "console"] = Field(
        default="console", description="Format of log lines: console or json."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="Lowest level of log lines written: debug, info, warning or error.",
    )

    @field_validator("api_tls_key_file")
    @classmethod
    def _belongs_to_a_certificate(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if "api_tls_certificate_file" in info.data and (
            (value is None) is not (info.data["api_tls_certificate_file"] is None)
        ):
            raise ValueError("TLS needs both TXPLATFORM_API_TLS_CERTIFICATE_FILE and this file")
        return value

    @field_validator("database_url", "migration_database_url")
    @classmethod
    def _is_a_postgres_url(cls, value: SecretStr | None) -> SecretStr | None:
        # No error may repeat a part of the URL, which can have a password.
        url = value.get_secret_value() if value is not None else None
        if url is not None:
            if not url.startswith(("postgres://", "postgresql://")):
                raise ValueError(
                    "has to be a URL such as postgresql://user:password@host:5432/name"
                )
            usable = has_plain_userinfo(url)
            try:
                conninfo_to_dict(url)
            except (psycopg.ProgrammingError, UnicodeDecodeError):
                usable = False
            if not usable:
                raise ValueError(
                    "is not a libpq URL; percent-encode special characters of user name and "
                    "password, such as % as %25, @ as %40 and / as %2F"
                )
        return value

    @property
    def given_names(self) -> list[str]:
        """The names of the settings that the environment or `.env` gives."""
        return sorted(_PREFIX + name.upper() for name in self.model_fields_set)

    @property
    def service_url(self) -> str:
        """The libpq URL with the service's role."""
        return self.database_url.get_secret_value()

    @property
    def owner_url(self) -> str:
        """The libpq URL with the role that owns the tables, or `service_url` if none is set."""
        return (self.migration_database_url or self.database_url).get_secret_value()

    @property
    def service_database(self) -> Database:
        """Database access with the service's role."""
        return Database(
            self.service_url,
            self.database_statement_timeout_s,
            self.database_lock_timeout_s,
            self.database_idle_in_transaction_timeout_s,
        )

    @property
    def owner_database(self) -> Database:
        """Database access with the role that owns the tables."""
        return replace(self.service_database, url=self.owner_url)


def client_setting(name: str) -> str | None:
    """Return a setting of clients, such as `api_url`, from the environment or `.env`.

    Raises:
        SettingsError: The file `.env` cannot be read.
    """
    variable = f"{_PREFIX}{name.upper()}"
    assert variable in _CLIENT_VARIABLES
    return os.environ.get(variable) or _read_file().get(variable)


def load_kafka_settings() -> KafkaSettings:
    """Read how to reach the brokers; the database's settings may be missing.

    Raises:
        SettingsError: A variable is unknown or invalid. The message lists all of them.
    """
    return _load(KafkaSettings)


def load_settings() -> Settings:
    """Read the settings of this process.

    Raises:
        SettingsError: A variable is unknown, missing or invalid. The message lists all of them.
    """
    return _load(Settings)


def _read_file() -> dict[str, str | None]:
    """Return the variables of `.env`.

    Raises:
        SettingsError: The file exists and cannot be read.
    """
    try:
        return dotenv_values(".env")
    except (OSError, UnicodeError) as error:
        raise SettingsError(
            "The file .env in the working directory cannot be read.",
            why=f"{type(error).__name__}.",
            next_step="Make it readable UTF-8 text, or remove it.",
        ) from error


def _load(kind: type[_Kind]) -> _Kind:
    known = {
        *(_PREFIX + name.upper() for name in Settings.model_fields),
        *(f"{_PREFIX}{name}_FILE".upper() for name in _SECRETS),
        *_CLIENT_VARIABLES,
    }
    variables = {**_read_file(), **own_variables(os.environ)}
    given = {name.upper(): value for name, value in variables.items()}
    unknown = sorted(
        name
        for name in given
        if name.startswith(_PREFIX) and not name.startswith(_TEST_PREFIXES) and name not in known
    )
    if unknown:
        raise SettingsError(
            f"Unknown setting: {', '.join(_with_similar(name, known) for name in unknown)}.",
            next_step="Correct or remove it.",
        )
    try:
        return kind(**_secrets_from_files(kind, given))
    except ValidationError as error:
        problems = "; ".join(
            f"{_PREFIX}{'_'.join(map(str, e['loc'])).upper()}"
            + (" is not set" if e["type"] == "missing" else f": {e['msg']}")
            for e in error.errors()
        )
        raise SettingsError(
            f"Invalid setting: {problems}.",
            next_step="Set it as an environment variable or in .env in the working directory.",
        ) from None


def _secrets_from_files(
    kind: type[KafkaSettings], given: Mapping[str, str | None]
) -> dict[str, Any]:
    """Return the secrets that are in files, without the newline at the end.

    Raises:
        SettingsError: A file cannot be read, has not exactly one line, or the variable with the
            secret itself is given too.
    """
    secrets = {}
    for name in _SECRETS:
        variable = f"{_PREFIX}{name}".upper()
        path = given.get(f"{variable}_FILE")
        if path is None or name not in kind.model_fields:
            continue
        if variable in given:
            raise SettingsError(
                f"Both {variable} and {variable}_FILE are set.", next_step="Unset one of them."
            )
        try:
            text = Path(path).read_text(encoding="utf-8").rstrip("\n")  # \r\n is read as \n
        except (OSError, UnicodeError) as error:
            raise SettingsError(
                f"Invalid setting: {variable}_FILE: {path} cannot be read.",
                why=f"{getattr(error, 'strerror', None) or 'It is not UTF-8 text'}.",
                next_step="The file has to be readable by the user that runs the process.",
            ) from None
        if not text or "\n" in text:
            found = "several lines" if text else "no text"
            raise SettingsError(
                f"Invalid setting: {variable}_FILE: {path} has {found}.",
                next_step="The file has to have the secret as its only line.",
            )
        secrets[name] = text
    return secrets


def _with_similar(name: str, known: Iterable[str]) -> str:
    similar = get_close_matches(name, known, n=1)
    return f"{name} (similar to {similar[0]})" if similar else name
