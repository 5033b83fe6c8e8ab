"""The read models, one module each with its row, fold and check, and the lists for the API.

To add a read model, write a migration for its table and a module, and list it here. The projector
keeps it up to date, `txplatform rebuild` rebuilds it, and `txplatform verify` checks it.
"""

from txplatform.projections.payments import PAYMENTS
from txplatform.projections.projection import Projection
from txplatform.projections.transactions import TRANSACTIONS
from txplatform.projections.waiting_advices import WAITING_ADVICES

PROJECTIONS: tuple[Projection, ...] = (TRANSACTIONS, PAYMENTS, WAITING_ADVICES)
