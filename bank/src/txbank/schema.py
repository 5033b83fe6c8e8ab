"""Migrations with Alembic: those that all services share, and those in the service's own folder."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import scalar_row
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from txbank.database import Connection
from txbank.errors import TxBankError
from txbank.settings import ServiceSettings

_FRAME = Path(__file__).parent / "migrations"
_LOCK = 0x7478_626D
"""Advisory lock that keeps two processes from migrating the same database at once."""


class NewerDatabaseError(TxBankError):
    """A newer version of the bank has migrated the database."""


@dataclass(frozen=True)
class Schema:
    """The schema of one service's database.

    Attributes:
        migrations: The folder with the service's own revisions.
    """

    migrations: Path

    def migrate(self, settings: ServiceSettings) -> list[str]:
        """Apply the pending migrations in one transaction, and grant the tables to the service.

        Returns:
            The revisions that are in force, one for the frame and one for the service.

        Raises:
            NewerDatabaseError: The database has revisions that this version does not know.
            psycopg.Error: The database cannot be reached, or refuses a statement.
        """
        engine = create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(settings.owner_url)
        )
        config = self._config()
        try:
            with engine.begin() as connection:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
                config.attributes["connection"] = connection
                command.upgrade(config, "heads")
        except DBAPIError as error:
            raise error.orig or error from None  # as psycopg raised it
        except CommandError as error:
            raise NewerDatabaseError(
                "The database has revisions that this version does not know.",
                why=f"{error}.",
                next_step="Use the version that migrated it, or a newer one.",
            ) from error
        finally:
            engine.dispose()
        with psycopg.connect(settings.owner_url, row_factory=scalar_row) as owner:
            role = conninfo_to_dict(settings.service_url).get("user")
            if role and settings.migration_database_url is not None:
                owner.execute(
                    sql.SQL(
                        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}"
                    ).format(sql.Identifier(str(role)))
                )
            return sorted(owner.execute("SELECT version_num FROM alembic_version"))

    def is_current(self, connection: Connection) -> bool:
        """Return whether all migrations of this version are applied."""
        table = connection.execute("SELECT to_regclass('alembic_version') AS found").fetchone()
        if table is None or table["found"] is None:
            return False
        rows = connection.execute("SELECT version_num FROM alembic_version")
        return {row["version_num"] for row in rows} >= set(self._heads)

    @cached_property
    def _heads(self) -> list[str]:
        """The newest revisions of this version."""
        return ScriptDirectory.from_config(self._config()).get_heads()

    def _config(self) -> Config:
        config = Config()
        config.set_main_option("script_location", str(_FRAME))
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", f"{_FRAME / 'versions'}\n{self.migrations}")
        return config
