"""The people who log in: cardholders with their accounts, and staff."""

import re
from dataclasses import dataclass
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from txbank.database import Connection
from txbank.errors import TxBankError

USER_NAME = r"[a-z0-9][a-z0-9.@_+-]{1,63}"
"""The form of a user name, which is compared in lower case. An e-mail address has this form."""
MIN_PASSWORD, MAX_PASSWORD = 12, 128
"""The lengths that a password may have (NIST SP 800-63B asks for no other rule)."""

_HASHER = PasswordHasher()
_NOBODY = _HASHER.hash("nobody")
"""Verified if there is no such user, so that the response takes as long as for a wrong password."""


class UserExistsError(TxBankError):
    """The user name is taken."""


class BadUserError(TxBankError):
    """The user name or the password has the wrong form."""


class Role(StrEnum):
    """The rights of a user."""

    CARDHOLDER = "cardholder"
    STAFF = "staff"


@dataclass(frozen=True)
class User:
    """Someone who is logged in."""

    user_name: str
    role: Role


@dataclass(frozen=True)
class OwnAccount:
    """An account of a user, with those of its fields that never change."""

    account_id: str
    currency: str
    product: str


def find_user(connection: Connection, user_name: str) -> User | None:
    """Return a user; None if nobody has the name."""
    row = connection.execute(
        "SELECT user_name, role FROM users WHERE user_name = %s", (user_name,)
    ).fetchone()
    return User(row["user_name"], Role(row["role"])) if row else None


def check_new_user(user_name: str, password: str) -> None:
    """Check the form of a new user's name and password.

    Raises:
        BadUserError: One of them is wrong. `fields` names it.
    """
    if not re.fullmatch(USER_NAME, user_name):
        raise BadUserError(
            "Use small letters, digits and . @ _ + -, such as an e-mail address.",
            fields=["user_name"],
        )
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise BadUserError(
            f"Use {MIN_PASSWORD} to {MAX_PASSWORD} characters for the password.",
            fields=["password"],
        )


def add_user(connection: Connection, user_name: str, password: str, role: Role) -> None:
    """Add a user.

    Raises:
        UserExistsError: The user name is taken.
    """
    added = connection.execute(
        "INSERT INTO users (user_name, password_hash, role) VALUES (%s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (user_name, _HASHER.hash(password), role),
    )
    if not added.rowcount:
        raise UserExistsError(
            f"The user {user_name} exists already.", next_step="Choose another user name."
        )


def check_password(connection: Connection, user_name: str, password: str) -> bool:
    """Return whether this is the user's password, in the same time if there is no such user."""
    row = connection.execute(
        "SELECT password_hash FROM users WHERE user_name = %s", (user_name,)
    ).fetchone()
    try:
        _HASHER.verify(row["password_hash"] if row else _NOBODY, password)
    except VerifyMismatchError:
        return False
    return row is not None


def change_password(connection: Connection, user_name: str, password: str) -> None:
    """Set a user's password, and end all sessions of the user."""
    connection.execute(
        "UPDATE users SET password_hash = %s WHERE user_name = %s",
        (_HASHER.hash(password), user_name),
    )
    connection.execute("DELETE FROM sessions WHERE user_name = %s", (user_name,))


def add_account(connection: Connection, user_name: str, account: OwnAccount) -> None:
    """Let a user see an account and use it. A repeat changes nothing."""
    connection.execute(
        "INSERT INTO user_accounts (user_name, account_id, currency, product)"
        " VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (user_name, account.account_id, account.currency, account.product),
    )


def accounts_of(connection: Connection, user_name: str) -> list[OwnAccount]:
    """Return the accounts of a user, oldest first."""
    rows = connection.execute(
        "SELECT account_id, currency, product FROM user_accounts WHERE user_name = %s"
        " ORDER BY added_at, account_id",
        (user_name,),
    )
    return [OwnAccount(**row) for row in rows]


def users_of(connection: Connection, account_id: str) -> list[str]:
    """Return the names of the users who see an account."""
    rows = connection.execute(
        "SELECT user_name FROM user_accounts WHERE account_id = %s ORDER BY user_name",
        (account_id,),
    )
    return [row["user_name"] for row in rows]
