"""Check the rule book: its versions, its keys and the content of every rule set."""

import psycopg

from txplatform.audit.differences import Differences
from txplatform.errors import TxPlatformError
from txplatform.rulebook.book import RuleBook, UnreadableRuleSetError
from txplatform.rulebook.changes import Entry, decode_change

NAME = "rule book"
"""Takes the place of the account id in differences of the rule book."""

_READ = """
SELECT version, event_id, event_key, recorded_at, topic, state
FROM ruleset_events
ORDER BY version
"""


def check_rule_book(connection: psycopg.Connection, differences: Differences) -> RuleBook:
    """Return the readable part of the rule book, and add each fault to `differences`."""
    book = RuleBook()
    for version, event_id, event_key, recorded_at, topic, state in connection.execute(_READ):
        if version != book.version + 1:
            differences.add(NAME, version, "version", book.version + 1, version)
        try:
            change = decode_change(version, topic, bytes(state))
            book.fold([Entry(version, event_id, recorded_at, change)])
        except (TxPlatformError, ValueError, TypeError, LookupError) as error:
            differences.add(NAME, version, "state", "a readable change", repr(error))
            book.version = version
            continue
        if event_key != change.key:
            differences.add(NAME, version, "event_key", change.key, event_key)
        named = getattr(change, "ruleset_id", None)
        if named is not None and named not in book.rulesets:
            differences.add(NAME, version, "ruleset_id", "a rule set that was added", named)
    for stored in book.rulesets.values():
        try:
            stored.read()
        except UnreadableRuleSetError as error:
            differences.add(NAME, book.version, stored.id, stored.content_hash, error.why)
    return book
