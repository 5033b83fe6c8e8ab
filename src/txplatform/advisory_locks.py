"""The keys of all advisory locks that this package takes, listed here to keep them distinct.

A key is one number or a pair of numbers. In PostgreSQL, a number never conflicts with a pair.
"""

LOG = 0x7478_6C67
"""One number, transaction level: held while events are appended (migration 0001)."""

MIGRATIONS = 0x7478_706D
"""One number, session level: held while migrations are applied."""

INBOUND_CONTENTS = 0x7478_6963
"""One number, transaction level: held while partitions are created and dropped (migration 0004)."""

RULE_BOOK = 0x7478_7262
"""One number, transaction level: held while the rule book is changed."""

LEADERS = 0x7478_6C64
"""First number of a pair, session level. The second number is the hash of the leader's name."""

GROUP_MEMBERS = 0x7478_676D
"""First number of a pair, session level. The second is the hash of a Kafka group member's id."""
