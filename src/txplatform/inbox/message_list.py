"""The list of inbound messages with filters, in pages, for the API and the command line."""

from collections.abc import Collection, Mapping
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from txplatform.contracts.cursors import Cursors
from txplatform.contracts.inbound_messages import InboundMessagesResponse, MessageStatus
from txplatform.inbox.reader import MESSAGE_COLUMNS, SETTLED_BY, message_of

_BUSINESS_ID = """
CASE WHEN strpos(m.business_key, ':') = 0 THEN m.account_id
ELSE substr(m.business_key, strpos(m.business_key, ':') + 1) END
"""
"""The key of an opening has no id, since it is the account's."""
_AFTER = "m.id > %(after)s"
_WITH_BUSINESS_ID_AFTER = f"""
m.business_key IS NOT NULL
AND ({_BUSINESS_ID}, m.id) > (%(business_id)s, %(after)s)
AND ({_BUSINESS_ID}, m.id) <= (%(business_id)s, {2**63 - 1})
"""
"""A comparison of rows, so that the planner uses the index of business ids. See `row_equals`."""
_OF_OWN_AFTER = f"""
(m.account_id, m.id) > (own.id, %(after)s) AND (m.account_id, m.id) <= (own.id, {2**63 - 1})
"""
"""A comparison of rows, so that the planner uses the index of accounts."""
_OF_EACH = """
SELECT message.* FROM unnest(%(accounts)s::text[]) AS own (id)
CROSS JOIN LATERAL ({}) AS message
ORDER BY message.id LIMIT %(limit)s
"""
"""Reads the first messages of each account, and merges them by id."""


def inbound_cursors(**filters: str | None) -> Cursors:
    """Return the cursors of the list of messages with these filters."""
    return Cursors("inbound messages", **filters)


def list_messages(  # noqa: PLR0913  # the filters of the API
    connection: psycopg.Connection[Any],
    *,
    topic: str | None = None,
    account_id: str | None = None,
    status: MessageStatus | None = None,
    business_id: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
    accounts: Collection[str] | None = None,
) -> InboundMessagesResponse:
    """Return messages that match all filters, without their contents, in order of arrival.

    With `accounts`, only messages of these accounts are returned.

    Raises:
        InvalidCursorError: The cursor is not of this list with these filters.
    """
    cursors = inbound_cursors(
        topic=topic, account_id=account_id, status=status, business_id=business_id
    )
    (after,) = cursors.read(cursor, 0)
    each_account = accounts is not None and account_id is None and business_id is None
    filters: Mapping[LiteralString, object | None] = {
        # `|| ''` keeps the planner from the index of topics, which spans all accounts.
        "m.topic || '' = %(topic)s" if each_account else "m.topic = %(topic)s": topic,
        "m.account_id = %(account_id)s": account_id,
        "m.account_id = ANY (%(accounts)s)": None if each_account else accounts,
    }
    if each_account:
        begin, order = _OF_OWN_AFTER, "m.account_id, m.id"
    elif business_id is None:
        begin, order = _AFTER, "m.id"
    else:
        begin, order = _WITH_BUSINESS_ID_AFTER, f"{_BUSINESS_ID}, m.id"
    conditions: list[sql.Composable] = [
        sql.SQL(begin),
        *(sql.SQL(condition) for condition, value in filters.items() if value is not None),
    ]
    if status is not None:
        # The status is a literal, so that the planner can use the partial index.
        present = "m.status IN ({0}, 'waiting') AND coalesce(settled.status, m.status) = {0}"
        conditions.append(sql.SQL(present).format(sql.Literal(status.value)))
    query = sql.SQL(
        "SELECT {} FROM inbound_messages m {} WHERE {} ORDER BY {} LIMIT %(limit)s"
    ).format(
        sql.SQL(MESSAGE_COLUMNS),
        sql.SQL(SETTLED_BY),
        sql.SQL(" AND ").join(conditions),
        sql.SQL(order),
    )
    if each_account:
        query = sql.SQL(_OF_EACH).format(query)
    asked = {
        "topic": topic,
        "account_id": account_id,
        "business_id": business_id,
        "accounts": None if accounts is None else list(accounts),
        "after": after,
        "limit": limit,
    }
    items = [message_of(row) for row in connection.execute(query, asked)]
    return InboundMessagesResponse(items, cursors.write(items[-1].id if items else after))
