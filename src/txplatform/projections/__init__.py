"""The read models: one module each, with its row, its fold, its queries and its check.

To add one: a migration with its table, a module, and a line here. The projector keeps it up to
date, `txplatform rebuild` makes it again, and `txplatform verify` compares it with the log.
"""

from __future__ import annotations

from txplatform.projections.directory import DIRECTORY
from txplatform.projections.open_holds import OPEN_HOLDS
from txplatform.projections.projection import Projection
from txplatform.projections.transactions import TRANSACTIONS

PROJECTIONS: tuple[Projection, ...] = (TRANSACTIONS, DIRECTORY, OPEN_HOLDS)
