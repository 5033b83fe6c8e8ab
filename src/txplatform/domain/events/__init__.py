"""Every event of an account: the data that is stored, and its effect on the account.

Events are stored permanently. A class may gain a field with a default; it never loses or renames a
field, and its `TOPIC` never changes. To add an event, write its class and add it to a union in a
module of this package.
"""

from typing import get_args

# By star, so that a new event is exported without another line here.
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

MoneyEvent = ApprovalEvent | ReleaseEvent | SettlementEvent | PaymentEvent
"""The events that change an account's posted or pending balance."""

AccountLevelEvent = AdministrativeEvent | PaymentEvent | WaitingEvent
"""The events that belong to no transaction."""

Event = MoneyEvent | DeclineEvent | TransactionStarted | AccountLevelEvent
"""All events of an account's stream. A `match` over them ends in `assert_never`."""

EVENT_TYPES: tuple[type[Event], ...] = get_args(Event)
