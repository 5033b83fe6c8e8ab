"""The read models. Each has a module with its row type, fold, queries and check.

To add a read model, write a migration that creates its table, write its module, and list the read
model in `PROJECTIONS`. The projector keeps the table up to date, `txplatform rebuild` rebuilds it,
and `txplatform verify` checks it.
"""

from txplatform.projections.directory import DIRECTORY
from txplatform.projections.open_holds import OPEN_HOLDS
from txplatform.projections.projection import Projection
from txplatform.projections.transactions import TRANSACTIONS

PROJECTIONS: tuple[Projection, ...] = (TRANSACTIONS, DIRECTORY, OPEN_HOLDS)
