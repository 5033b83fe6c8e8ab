"""Accounts with the history of their credit limits and statuses."""

from alembic import op

revision = "accounts_0001"
down_revision = None

_TABLES = """
CREATE TABLE accounts (
    account_id    text PRIMARY KEY,
    holder_name   text NOT NULL,
    holder_email  text NOT NULL,
    product       text NOT NULL,
    currency      text NOT NULL,
    opened_at     timestamptz NOT NULL DEFAULT now()
);

-- The row with the highest version is in force. Version 0 is that of the opening.
CREATE TABLE credit_limits (
    account_id     text NOT NULL REFERENCES accounts,
    limit_version  bigint NOT NULL,
    credit_limit   bigint NOT NULL CHECK (credit_limit >= 0),
    reason         text NOT NULL,
    change_id      text,
    changed_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account_id, limit_version),
    UNIQUE (account_id, change_id)
);

CREATE TABLE statuses (
    account_id      text NOT NULL REFERENCES accounts,
    status_version  bigint NOT NULL,
    status          text NOT NULL CHECK (status IN ('active', 'frozen', 'closed')),
    reason_code     text,
    reason          text NOT NULL,
    change_id       text,
    changed_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account_id, status_version),
    UNIQUE (account_id, change_id)
);

CREATE VIEW current_accounts AS
SELECT accounts.*, credit_limit, limit_version, status, status_version, reason_code
FROM accounts
CROSS JOIN LATERAL (
    SELECT credit_limit, limit_version FROM credit_limits
    WHERE credit_limits.account_id = accounts.account_id ORDER BY limit_version DESC LIMIT 1
) AS newest_limit
CROSS JOIN LATERAL (
    SELECT status, status_version, reason_code FROM statuses
    WHERE statuses.account_id = accounts.account_id ORDER BY status_version DESC LIMIT 1
) AS newest_status;
"""


def upgrade() -> None:
    """Create the tables."""
    op.execute(_TABLES)
