"""The read models: one module each, with its table, its fold and its queries side by side.

To add one: a migration with its table and position, a module, and a line here. The runner
keeps it up to date, `txplatform rebuild` makes it again from the log.
"""

from __future__ import annotations

from txplatform.projections.directory import DIRECTORY
from txplatform.projections.open_holds import OPEN_HOLDS
from txplatform.projections.projection import Projection
from txplatform.projections.transactions import TRANSACTIONS

PROJECTIONS: tuple[Projection, ...] = (TRANSACTIONS, DIRECTORY, OPEN_HOLDS)
