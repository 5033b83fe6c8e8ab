"""The advisory locks that this package takes, in one list so that no two are the same.

PostgreSQL has two key spaces, which never meet: one number, and a pair of numbers.
"""

LOG = 0x7478_6C67
"""One number, transaction level: held while events are appended (migration 0001)."""

MIGRATIONS = 0x7478_706D
"""One number, session level: held while migrations are applied."""

RULE_BOOK = 0x7478_7262
"""One number, transaction level: held while the rule book is changed."""

LEADERS = 0x7478_6C64
"""First of a pair, session level; the second is the hash of what is led: see `leader_lock`."""
