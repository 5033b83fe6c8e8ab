"""Sessions, and the limits on attempts to log in. All processes share them in the database."""

import hashlib
import secrets
from datetime import timedelta

from txbank.database import Connection, Database
from txbank.errors import TxBankError
from txbank.web.users import Role, User, check_password

IDLE = timedelta(minutes=30)
"""A session ends if it is not used for this long."""
LONGEST = timedelta(hours=12)
"""A session ends after this time in any case."""

WINDOW = timedelta(minutes=15)
"""Attempts to log in are counted over this time."""
MOST_PER_USER, MOST_PER_ADDRESS = 5, 50
"""After this many failed attempts within `WINDOW`, more are refused without a password check."""

_OPEN = "token_sha256 = %s AND used_at >= now() - %s AND began_at >= now() - %s"


class LoginRefusedError(TxBankError):
    """The user name or the password is wrong, or there were too many attempts."""


def log_in(database: Database, user_name: str, password: str, address: str) -> tuple[str, User]:
    """Begin a session; return its token, which is not stored, and the user.

    Args:
        database: The web bank's database.
        user_name: In lower case.
        password: As typed.
        address: The network address of the browser.

    Raises:
        LoginRefusedError: The user name or the password is wrong, or there were too many attempts.
    """
    # An attempt counts before its password is checked, so simultaneous attempts gain nothing.
    with database.transaction() as connection:
        connection.execute("DELETE FROM login_attempts WHERE tried_at < now() - %s", (WINDOW,))
        connection.execute(
            "INSERT INTO login_attempts (user_name, address) VALUES (%s, %s)", (user_name, address)
        )
    with database.transaction() as connection:
        tried = connection.execute(
            "SELECT count(*) FILTER (WHERE user_name = %s) AS of_user,"
            " count(*) FILTER (WHERE address = %s) AS of_address"
            " FROM login_attempts WHERE tried_at >= now() - %s",
            (user_name, address, WINDOW),
        ).fetchone()
        assert tried is not None
        if tried["of_user"] > MOST_PER_USER or tried["of_address"] > MOST_PER_ADDRESS:
            minutes = WINDOW // timedelta(minutes=1)
            raise LoginRefusedError(
                "There were too many attempts to log in.",
                next_step=f"Wait {minutes} minutes, then try again.",
            )
        if not check_password(connection, user_name, password):
            raise LoginRefusedError("The user name or the password is wrong.")
        connection.execute("DELETE FROM login_attempts WHERE user_name = %s", (user_name,))
        connection.execute(
            "DELETE FROM sessions WHERE used_at < now() - %s OR began_at < now() - %s",
            (IDLE, LONGEST),
        )
        token = secrets.token_urlsafe(32)
        user = connection.execute(
            "INSERT INTO sessions (token_sha256, user_name) VALUES (%s, %s)"
            " RETURNING (SELECT role FROM users WHERE users.user_name = sessions.user_name)",
            (_digest(token), user_name),
        ).fetchone()
        assert user is not None
        return token, User(user_name, Role(user["role"]))


def use_session(connection: Connection, token: str) -> User | None:
    """Return the user of a session, and prolong the session; None if it has ended."""
    row = connection.execute(
        "UPDATE sessions SET used_at = now() FROM users"
        f" WHERE users.user_name = sessions.user_name AND {_OPEN} RETURNING users.user_name, role",
        (_digest(token), IDLE, LONGEST),
    ).fetchone()
    return User(row["user_name"], Role(row["role"])) if row else None


def is_open(connection: Connection, token: str) -> bool:
    """Return whether a session is open, without prolonging it: an open page is not a use."""
    found = connection.execute(
        f"SELECT 1 FROM sessions WHERE {_OPEN}", (_digest(token), IDLE, LONGEST)
    )
    return found.fetchone() is not None


def log_out(connection: Connection, token: str) -> None:
    """End a session."""
    connection.execute("DELETE FROM sessions WHERE token_sha256 = %s", (_digest(token),))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
