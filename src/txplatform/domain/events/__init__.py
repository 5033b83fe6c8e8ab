"""Everything that can happen to an account: the facts that are stored, and their effect.

Events are stored permanently. A class may gain a field with a default; it never loses or renames
one, and its `TOPIC` (the name it is stored under) never changes.

To add one: its class and its place in a union in a module of this package.
"""

from __future__ import annotations

from typing import get_args

# A new event is exported by being in its module.
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
"""Every kind of event that changes an account's posted or pending balance."""

AccountLevelEvent = AdministrativeEvent | PaymentEvent | WaitingEvent
"""Every kind of event that is of no transaction."""

Event = MoneyEvent | DeclineEvent | TransactionStarted | AccountLevelEvent
"""Every kind of event that a stream may hold. A `match` over these ends in `assert_never`."""

EVENT_TYPES: tuple[type[Event], ...] = get_args(Event)
