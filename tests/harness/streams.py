"""An in-memory event stream of one account, for given-when-then tests."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import datetime

from harness.commands import ACCOUNT, NOW, ORIGIN, opening
from txplatform.domain.account import Account, DecisionContext
from txplatform.domain.commands import Command, decide
from txplatform.domain.commands.outcome import CommandRejectedError, Outcome
from txplatform.domain.commands.prior_events import PriorEvents, TransactionNotReadError
from txplatform.domain.events import Event
from txplatform.domain.keys import authorization_key, late_authorization_key
from txplatform.domain.rulesets import DEFAULT_RULESET, RuleSet


@dataclass
class Stream:
    """The stream of one account. Like the event store, it rejects existing versions and keys."""

    events: list[Event] = field(default_factory=list)
    ids: itertools.count[int] = field(default_factory=itertools.count)
    now: datetime = NOW
    ruleset: RuleSet = DEFAULT_RULESET

    def account(self) -> Account:
        """Fold the account from its events."""
        account = Account.unopened(ACCOUNT)
        for event in self.events:
            event.mutate(account)
        return account

    def ask(self, command: Command) -> Outcome | CommandRejectedError:
        """Decide a command on the current account, and append the resulting events."""
        account = self.account()
        stored = PriorEvents()
        stored.update((event.key, event) for event in self.events if event.key in command.keys)
        context = DecisionContext(self.now, lambda: f"event-{next(self.ids)}", ORIGIN, self.ruleset)
        while True:
            try:
                outcome = decide(command, account, stored, context)
                break
            except TransactionNotReadError as missing:
                assert not account.pending_events
                for transaction_id in missing.transaction_ids:
                    self._read(stored, transaction_id)
            except CommandRejectedError as error:
                assert not account.pending_events
                return error
        for event in account.collect_events():
            assert event.originator_version == len(self.events) + 1
            assert event.key not in {earlier.key for earlier in self.events}
            self.events.append(event)
        return outcome

    def _read(self, stored: PriorEvents, transaction_id: str) -> None:
        """Add the events of a transaction to the stored events, as the event store does."""
        keys = (authorization_key(transaction_id), late_authorization_key(transaction_id))
        for event in self.events:
            if event.key in keys or event.indexed_under == transaction_id:
                stored[event.key] = event
        stored.transactions.add(transaction_id)


def opened_stream(credit_limit: int = 1000) -> Stream:
    """Return a stream whose account is open."""
    stream = Stream()
    stream.ask(opening(ACCOUNT, credit_limit))
    return stream
