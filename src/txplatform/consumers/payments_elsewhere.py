"""Refuses payments, and returns of payments, whose id is applied on another account.

A payment that is sent again for another account would be credited twice. Its id shows this, if the
log or an earlier message of the batch has the first payment. Two payments that are applied at the
same time slip through; the read model of payments finds them.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import chain

import psycopg

from txplatform.domain.advices import Payment, PaymentReturn
from txplatform.domain.commands.outcome import (
    CommandRejectedError,
    Outcome,
    OutcomeStatus,
    RefusalReason,
)
from txplatform.domain.ids import AccountId, PaymentId, account_stream
from txplatform.domain.keys import payment_key, payment_return_key
from txplatform.eventstore.statements import column_arrays, row_equals
from txplatform.processing.pending_command import PendingCommand

_APPLIED_ELSEWHERE = f"""
SELECT wanted.payment_id, wanted.account_id
FROM unnest(%s::text[], %s::text[]) AS wanted (payment_id, account_id)
CROSS JOIN LATERAL (
    SELECT FROM events paid
    WHERE event_key = '{payment_key(PaymentId(""))}' || wanted.payment_id
      AND originator_id <> '{account_stream(AccountId(""))}' || wanted.account_id
      AND NOT EXISTS (
        SELECT FROM events WHERE {
    row_equals(
        "event_key, originator_id",
        f"'{payment_return_key(PaymentId(''))}' || wanted.payment_id, paid.originator_id",
    )
}
      )
    LIMIT 1
) elsewhere
"""  # constants of this package
"""Finds payments whose id is applied on another account and not returned there."""

_KNOWN = f"""
SELECT wanted.originator_id, wanted.event_key
FROM unnest(%s::text[], %s::text[]) AS wanted (originator_id, event_key)
CROSS JOIN LATERAL (
    SELECT FROM events
    WHERE {row_equals("event_key, originator_id", "wanted.event_key, wanted.originator_id")}
    LIMIT 1
) e
"""  # constants of this package


Paid = tuple[PaymentId, AccountId]
"""A payment id, and the account of the payment or of its return."""


class PaymentsElsewhere:
    """The payments and returns of a batch, with those whose id is applied on another account."""

    def __init__(self, connection: psycopg.Connection, commands: Iterable[PendingCommand]) -> None:
        self._by_id: defaultdict[PaymentId, list[PendingCommand]] = defaultdict(list)
        for command in commands:
            if isinstance(command.command, Payment | PaymentReturn):
                self._by_id[command.command.payment_id].append(command)
        self._elsewhere: set[Paid] = set()
        self._known: set[tuple[str, str]] = set()
        if self._by_id:
            self._look_up(connection)

    def refusal(self, pending: PendingCommand) -> CommandRejectedError | None:
        """Return why a command is refused; None if it is not.

        Earlier commands of the batch must have been decided.
        """
        command = pending.command
        if not isinstance(command, Payment | PaymentReturn):
            return None
        if not (_paid(pending) in self._elsewhere or self._applied_in_batch(pending)):
            return None
        if any((pending.stream, key) in self._known for key in _keys(pending)):
            return None  # a copy of what the account already has, or the return of its payment
        return CommandRejectedError(
            RefusalReason.OTHER_ACCOUNT,
            "The payment is applied on another account and not returned there.",
            "Return it there and retry, or discard this message. Use a new payment_id for another"
            " payment.",
        )

    def _look_up(self, connection: psycopg.Connection) -> None:
        commands = [*chain(*self._by_id.values())]
        payments = column_arrays(map(_paid, commands))
        rows = connection.execute(_APPLIED_ELSEWHERE, payments, prepare=True)
        self._elsewhere = set(rows.fetchall())
        found = [command for command in commands if _paid(command) in self._elsewhere]
        for of_one_id in self._by_id.values():
            if len({command.stream for command in of_one_id}) > 1:
                found += of_one_id
                for command in of_one_id:
                    command.look_up = True  # so that a copy's outcome is not APPLIED
        keys = {(command.stream, key) for command in found for key in _keys(command)}
        if keys:
            rows = connection.execute(_KNOWN, column_arrays(keys), prepare=True)
            self._known = set(rows.fetchall())

    def _applied_in_batch(self, pending: PendingCommand) -> bool:
        others = [each for each in self._by_id[_paid(pending)[0]] if each.stream != pending.stream]
        paid = {each.stream for each in others if _applies(each, Payment)}
        returned = {each.stream for each in others if _applies(each, PaymentReturn)}
        return bool(paid - returned)


def _paid(pending: PendingCommand) -> Paid:
    command = pending.command
    assert isinstance(command, Payment | PaymentReturn)
    return command.payment_id, command.account_id


def _keys(pending: PendingCommand) -> tuple[str, ...]:
    """Return the keys of the command and of its payment, of which the account may have events."""
    return (*pending.command.keys, payment_key(_paid(pending)[0]))


def _applies(pending: PendingCommand, kind: type[Payment | PaymentReturn]) -> bool:
    result = pending.result
    return (
        isinstance(pending.command, kind)
        and isinstance(result, Outcome)
        and result.status is OutcomeStatus.APPLIED
    )
