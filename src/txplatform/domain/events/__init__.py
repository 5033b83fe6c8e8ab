"""The events of an account: their stored fields, and their effects on the account.

Events are stored permanently. A new field needs a default. Never remove or rename a field, and
never change a `TOPIC`. To add an event, write a class in a module of this package, and add the
class to a union in the same module.
"""

from typing import get_args

# Star imports, so that new events are exported without another line here.
from txplatform.domain.events.accounts import *  # noqa: F403
from txplatform.domain.events.accounts import AdministrativeEvent
from txplatform.domain.events.authorizations import *  # noqa: F403
from txplatform.domain.events.authorizations import ApprovalEvent, DeclineEvent
from txplatform.domain.events.clearings import *  # noqa: F403
from txplatform.domain.events.clearings import SettlementEvent
from txplatform.domain.events.event import AccountEvent as AccountEvent
from txplatform.domain.events.holds import *  # noqa: F403
from txplatform.domain.events.holds import ReleaseEvent, TransactionStarted
from txplatform.domain.events.payments import *  # noqa: F403
from txplatform.domain.events.payments import PaymentEvent
from txplatform.domain.events.waiting import *  # noqa: F403
from txplatform.domain.events.waiting import WaitingEvent

MoneyEvent = AccountOpened | ApprovalEvent | ReleaseEvent | SettlementEvent | PaymentEvent  # noqa: F405
"""The events that change an account's posted or pending balance."""

AccountLevelEvent = AdministrativeEvent | PaymentEvent | WaitingEvent
"""The events that do not belong to a transaction."""

Event = MoneyEvent | DeclineEvent | TransactionStarted | AccountLevelEvent
"""All events of an account's stream. A `match` over them ends in `assert_never`."""

EVENT_TYPES: tuple[type[Event], ...] = get_args(Event)
