"""Users with their accounts and sessions, and the recent attempts to log in."""

from alembic import op

revision = "web_0001"
down_revision = None

_TABLES = """
CREATE TABLE users (
    user_name      text PRIMARY KEY,
    password_hash  text NOT NULL,
    role           text NOT NULL CHECK (role IN ('cardholder', 'staff')),
    created_at     timestamptz NOT NULL DEFAULT now()
);

-- Currency and product never change, so the pages of an account need not ask for them.
CREATE TABLE user_accounts (
    user_name   text NOT NULL REFERENCES users,
    account_id  text NOT NULL,
    currency    text NOT NULL,
    product     text NOT NULL,
    added_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_name, account_id)
);

-- Only the SHA-256 digest of a session's token is stored.
CREATE TABLE sessions (
    token_sha256  bytea PRIMARY KEY,
    user_name     text NOT NULL REFERENCES users ON DELETE CASCADE,
    began_at      timestamptz NOT NULL DEFAULT now(),
    used_at       timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE login_attempts (
    user_name  text NOT NULL,
    address    text NOT NULL,
    tried_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX login_attempts_in_time ON login_attempts (tried_at);
"""


def upgrade() -> None:
    """Create the tables."""
    op.execute(_TABLES)
