"""Check that no message from another team lies without effect."""

from collections.abc import Iterator

import psycopg

from txplatform.doctor.finding import Finding, failed, ok, warning
from txplatform.inbox.alarms import describe_alarms, find_alarms
from txplatform.inbox.reader import deferred_messages
from txplatform.inbox.unsettled import MOST, describe_unsettled, parked_messages
from txplatform.pluralize import pluralize
from txplatform.projections.payments import on_two_accounts
from txplatform.projections.waiting_advices import waiting_advices, waiting_by_topic

_LONG_WAIT_S = 86_400


def check_parked_changes(connection: psycopg.Connection) -> Iterator[Finding]:
    """Fail if a freeze or a limit change may be parked, so that an account goes on buying."""
    if words := describe_alarms(find_alarms(connection)):
        yield failed(
            "parked changes",
            words,
            "See `txplatform inbound list`; an account may go on buying until then.",
        )
    else:
        yield ok("parked changes", "No change of a status or a limit is parked.")


def check_parked_messages(connection: psycopg.Connection) -> Iterator[Finding]:
    """Warn if messages are parked: their money has not arrived."""
    if found := parked_messages(connection):
        messages = sum(each.messages for each in found)
        least = "at least " if messages >= MOST else ""
        oldest_h = max(each.oldest_s for each in found) / 3600
        yield warning(
            "parked messages",
            f"{least}{pluralize(messages, 'message')} parked, the oldest for {oldest_h:.0f} h."
            f" {describe_unsettled(found)}.",
            "See `txplatform inbound list`, and retry or discard them.",
        )
    else:
        yield ok("parked messages", "No message is parked.")


def check_deferred_messages(connection: psycopg.Connection) -> Iterator[Finding]:
    """Fail if messages are deferred, because accounts cannot be decided on."""
    number, account_id = deferred_messages(connection)
    if number:
        yield failed(
            "deferred messages",
            f"{pluralize(number, 'message')} deferred, the oldest for account {account_id}.",
            "Run `txplatform verify`. The messages are tried again every few seconds.",
        )
    else:
        yield ok("deferred messages", "No message is deferred.")


def check_waiting_advices(connection: psycopg.Connection) -> Iterator[Finding]:
    """Warn if an advice has waited for long: its account or its original may be mistyped."""
    waiting = waiting_advices(connection)
    detail = f"{pluralize(waiting.advices, 'advice')} waiting for an account or another advice."
    if words := describe_unsettled(waiting_by_topic(connection)):
        detail = f"{detail} {words}."
    if waiting.oldest_s > _LONG_WAIT_S:
        yield warning(
            "waiting advices",
            f"{detail} The oldest, {waiting.business_key} of account {waiting.account_id}, has"
            f" waited for {waiting.oldest_s / 3600:.0f} h.",
            "Ask who sent it if the account and the ids are right.",
        )
    else:
        yield ok("waiting advices", detail)


def check_payments(connection: psycopg.Connection) -> Iterator[Finding]:
    """Fail if a payment is applied on two accounts."""
    if found := on_two_accounts(connection):
        payment_id, account_id = found[0]
        yield failed(
            "payments on two accounts",
            f"{pluralize(len(found), 'payment')} applied on another account before; the first is"
            f" {payment_id}, repeated on account {account_id}.",
            "Ask the payments team which account paid, and have the other payment returned.",
        )
    else:
        yield ok("payments on two accounts", "No payment id is applied on two accounts.")
