"""Settings from `TXBANK_*` variables, `.env` and secret files; unknown names are refused."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, TypeVar

import psycopg
from dotenv import dotenv_values
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as SourceError

from txbank.errors import TxBankError

PREFIX = "TXBANK_"
_TEST_PREFIX = "TXBANK_TEST_"
"""Prefix of the variables that configure the test suite."""
_SECRETS_DIR = f"{PREFIX}SECRETS_DIR"
"""Names a folder in which a file such as `txbank_platform_key` has the value of a setting."""

_OF_KUBERNETES = re.compile(
    r"\w+_(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)=.*"
    r"|\w+_PORT=(tcp|udp|sctp)://.*",
    re.IGNORECASE | re.DOTALL,
)
"""Variables that Kubernetes sets in every container for each Service of the namespace."""


class SettingsError(TxBankError):
    """A setting is unknown, missing or invalid."""


def own_variables(given: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the variables without those that Kubernetes sets.

    For a Service named `txbank-web`, it sets `TXBANK_WEB_PORT` to `tcp://10.0.0.1:80`, which
    must not stop the process.
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


class _OwnSettings(BaseSettings):
    """Settings from the environment without the variables of Kubernetes."""

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


class CommonSettings(_OwnSettings):
    """The settings that all services share."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True
    )

    kafka_bootstrap_servers: str = Field(
        default="localhost:9092", description="host:port,host:port of the Kafka brokers."
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="Protocol to the brokers."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None, description="Mechanism of the SASL protocols."
    )
    kafka_sasl_username: str | None = Field(default=None, description="SASL user name.")
    kafka_sasl_password: SecretStr | None = Field(default=None, description="SASL password.")
    kafka_ssl_ca_location: Path | None = Field(
        default=None, description="File with the CA certificate of the brokers."
    )
    platform_url: str = Field(
        default="http://localhost:8000", description="Base URL of the platform's API."
    )
    platform_key: SecretStr | None = Field(
        default=None, description="API key of the platform; bank/README.md lists the scopes."
    )
    seen_events_days: int = Field(
        default=30,
        ge=1,
        description="Days for which the ids of consumed messages are kept; has to exceed the "
        "retention of the topics.",
    )
    slow_request_ms: int = Field(
        default=500, ge=1, description="Duration from which a request is logged as slow, ms."
    )
    log_format: Literal["json", "console"] = Field(
        default="console", description="Format of log lines."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Lowest level of log lines written."
    )

    @property
    def required_platform_key(self) -> str:
        """The API key of the platform, for a service that calls it.

        Raises:
            SettingsError: No key is set.
        """
        if self.platform_key is None:
            raise SettingsError(
                f"Invalid setting: {PREFIX}PLATFORM_KEY is not set.",
                next_step="Create a key with `txplatform keys create`; bank/README.md names the "
                "scopes.",
            )
        return self.platform_key.get_secret_value()


class ServiceSettings(_OwnSettings):
    """The settings that each service has for itself, under its own prefix."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    database_url: SecretStr = Field(description="libpq URL of the service's database role.")
    migration_database_url: SecretStr | None = Field(
        default=None,
        description="libpq URL of the tables' owner, for migrate; by default the service's role.",
    )
    database_connections: int = Field(
        default=10, ge=2, description="Largest number of connections for requests."
    )
    host: str = Field(default="127.0.0.1", description="Address the service listens on.")
    port: int = Field(ge=0, le=65535, description="Port the service listens on.")

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
    def service_url(self) -> str:
        """The libpq URL with the service's role."""
        return self.database_url.get_secret_value()

    @property
    def owner_url(self) -> str:
        """The libpq URL with the role that owns the tables."""
        return (self.migration_database_url or self.database_url).get_secret_value()


AnySettings = TypeVar("AnySettings", bound=BaseSettings)


def given_names() -> list[str]:
    """Return the names of the `TXBANK_*` variables of the environment and `.env`."""
    given = {name.upper() for name in (*os.environ, *dotenv_values(".env"))}
    return sorted(name for name in given if name.startswith(PREFIX))


def refuse_unknown_settings(kinds: Iterable[type[ServiceSettings]]) -> None:
    """Check that each `TXBANK_*` variable that is set is a setting of one of these classes.

    Raises:
        SettingsError: A variable is not known, or `.env` cannot be read.
    """
    classes: list[type[BaseSettings]] = [CommonSettings, *kinds]
    known = {
        f"{kind.model_config['env_prefix']}{name}".upper()
        for kind in classes
        for name in kind.model_fields
    } | {_SECRETS_DIR}
    try:
        given = {name.upper() for name in (*own_variables(os.environ), *dotenv_values(".env"))}
    except (OSError, UnicodeError) as error:
        raise SettingsError(
            "The file .env in the working directory cannot be read.",
            why=f"{type(error).__name__}.",
            next_step="Make it readable UTF-8 text, or remove it.",
        ) from error
    unknown = sorted(
        name
        for name in given - known
        if name.startswith(PREFIX) and not name.startswith(_TEST_PREFIX)
    )
    if unknown:
        raise SettingsError(
            f"Unknown setting: {', '.join(unknown)}.", next_step="bank/README.md lists all."
        )


def load(kind: type[AnySettings]) -> AnySettings:
    """Read settings of one class from the environment, `.env` and the folder of secret files.

    Raises:
        SettingsError: A setting is missing or invalid. The message lists all of them.
    """
    folder = os.environ.get(_SECRETS_DIR)
    if folder is not None and not Path(folder).is_dir():
        raise SettingsError(
            f"Invalid setting: {_SECRETS_DIR} is {folder}, which is not a folder.",
            next_step="Create it, or unset the variable.",
        )
    try:
        return kind(_secrets_dir=folder)
    except SourceError as error:
        raise SettingsError(
            f"A file in {folder} cannot be read.",
            why=f"{error}.",
            next_step="Make the files readable UTF-8 text.",
        ) from None
    except ValidationError as error:
        prefix = kind.model_config["env_prefix"]
        problems = "; ".join(
            f"{prefix}{'_'.join(map(str, each['loc']))}".upper()
            + (" is not set" if each["type"] == "missing" else f": {each['msg']}")
            for each in error.errors()
        )
        raise SettingsError(
            f"Invalid setting: {problems}.",
            next_step="Set it as an environment variable or in .env in the working directory.",
        ) from None
