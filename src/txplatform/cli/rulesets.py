"""`txplatform rulesets`: check, compare, add, activate and shadow rule sets."""

import argparse
import sys
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg

from txplatform.api.rule_book_view import (
    activation_response,
    book_response,
    ruleset_response,
    shadowing_response,
)
from txplatform.cli.author import add_author_argument, author_of
from txplatform.cli.paging import configure_paging, print_next
from txplatform.cli.recorded_text import recorded_text
from txplatform.cli.ruleset_files import UnusableRuleSetError, load_ruleset, load_ruleset_file
from txplatform.cli.ruleset_tables import print_book, print_disagreements, print_ruleset
from txplatform.contracts.encoding import to_json
from txplatform.contracts.rulesets import content_hash
from txplatform.domain.rules.differences import diff
from txplatform.domain.rules.lint import lint, shortened
from txplatform.errors import TxPlatformError
from txplatform.eventstore.account_currencies import account_currencies
from txplatform.pluralize import pluralize
from txplatform.rulebook.book import UnreadableRuleSetError
from txplatform.rulebook.store import (
    activate,
    add_ruleset,
    end_shadowing,
    find_ruleset,
    read_book,
    start_shadowing,
)
from txplatform.settings import load_settings
from txplatform.shadow.store import list_disagreements, read_progress


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    def add_action(
        name: str, run_action: Callable[[argparse.Namespace], int], summary: str
    ) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=summary)
        action.set_defaults(run_action=run_action)
        action.add_argument("--json", action="store_true", help="print JSON")
        return action

    lint_ = add_action("lint", _lint, "check a rule set, and warn of likely mistakes")
    lint_.add_argument("ruleset", metavar="FILE|ID")
    diff_ = add_action("diff", _diff, "describe the differences between two rule sets")
    diff_.add_argument("old", metavar="FILE|ID")
    diff_.add_argument("new", metavar="FILE|ID")
    add = add_action("add", _add, "add a rule set from a file, without effect on decisions")
    add.add_argument("ruleset", metavar="FILE")
    activate_ = add_action("activate", _activate, "put a rule set in force in all processes")
    shadow = add_action("shadow", _shadow, "evaluate a rule set in shadow, without effect")
    shadow.add_argument("--stop", action="store_true", help="stop the shadow evaluation")
    add_action("list", _list, "list all rule sets, and show the one in force")
    show = add_action("show", _show, "show a rule set, its activations and shadow evaluations")
    disagreements = add_action(
        "disagreements",
        _disagreements,
        "list decisions that a rule set would change, from its newest shadow evaluation",
    )
    configure_paging(disagreements, default=20)

    for action in (activate_, shadow, show, disagreements):
        action.add_argument("id", metavar="ID", help="such as retail@3")
    activate_.add_argument(
        "--reason", required=True, type=recorded_text, help="reason, recorded permanently"
    )
    shadow.add_argument(
        "--reason", type=recorded_text, help="reason, recorded permanently; required to start"
    )
    for action in (add, activate_, shadow):
        add_author_argument(action)


def run(arguments: argparse.Namespace) -> int:
    """Run one action; return 2 if a rule set does not exist or cannot be used."""
    try:
        return int(arguments.run_action(arguments))
    except UnusableRuleSetError as error:
        sys.stderr.write(f"txplatform rulesets: {error}\n")
        return 2


def _lint(arguments: argparse.Namespace) -> int:
    ruleset = load_ruleset(arguments.ruleset)
    warnings, hashed = lint(ruleset, _account_currencies()), content_hash(ruleset)
    shown = shortened(warnings)
    if arguments.json:
        return _print_json({"id": ruleset.id, "content_hash": hashed, "warnings": shown})
    sys.stdout.writelines(f"{warning}\n" for warning in shown)
    sys.stdout.write(
        f"{ruleset.id}: {pluralize(len(ruleset.rules), 'rule')}, "
        f"{pluralize(len(warnings), 'warning')}, content hash {hashed}\n"
    )
    return 0


def _diff(arguments: argparse.Namespace) -> int:
    old, new = load_ruleset(arguments.old), load_ruleset(arguments.new)
    changes = diff(old, new)
    if arguments.json:
        return _print_json({"old": old.id, "new": new.id, "changes": changes})
    sys.stdout.writelines(f"{change}\n" for change in changes or ["Nothing changes."])
    return 0


def _add(arguments: argparse.Namespace) -> int:
    ruleset = load_ruleset_file(arguments.ruleset)
    with _connect() as connection:
        recorded = add_ruleset(connection, ruleset, by=author_of(arguments))
        currencies = account_currencies(connection)
    if arguments.json:
        return _print_json(ruleset_response(recorded.book, ruleset.id, currencies))
    warnings = shortened(lint(ruleset, currencies))
    sys.stderr.writelines(f"warning: {warning}\n" for warning in warnings)
    how = "already existed" if recorded.replayed else "added"
    sys.stdout.write(
        f"{ruleset.id} {how}; to put it in force, run "
        f"`txplatform rulesets activate {ruleset.id} --reason …`\n"
    )
    return 0


def _activate(arguments: argparse.Namespace) -> int:
    activation_id = f"cli-{uuid4()}"
    with _connect() as connection:
        before = read_book(connection)
        book = activate(
            connection,
            activation_id,
            arguments.id,
            reason=arguments.reason,
            by=author_of(arguments),
        ).book
    if arguments.json:
        return _print_json(activation_response(book.activation(activation_id)))
    sys.stdout.write(
        f"{arguments.id} replaces {before.active_id} in every process within a second\n"
    )
    try:
        changes = diff(before.active, book.active) or ["Nothing changes."]
    except UnreadableRuleSetError as error:
        changes = [f"The differences are unknown: {error.what}"]
    sys.stdout.writelines(f"  {change}\n" for change in changes)
    return 0


def _shadow(arguments: argparse.Namespace) -> int:
    with _connect() as connection:
        if arguments.stop:
            return _stop_shadowing(connection, arguments)
        if arguments.reason is None:
            sys.stderr.write("txplatform rulesets shadow: --reason is required to start\n")
            return 2
        before = read_book(connection).shadowing
        if before is not None and before.ruleset_id == arguments.id:
            raise TxPlatformError(
                f"{arguments.id} is already evaluated in shadow, since "
                f"{before.started_at:%Y-%m-%d %H:%M} (UTC).",
                next_step="To start again with new counts, run the command with --stop first.",
            )
        shadowing_id = f"cli-{uuid4()}"
        book = start_shadowing(
            connection, shadowing_id, arguments.id, reason=arguments.reason, by=author_of(arguments)
        ).book
    if arguments.json:
        return _print_json(shadowing_response(book.shadowings[shadowing_id], None))
    replaced = "" if before is None else f" in place of {before.ruleset_id}"
    sys.stdout.write(
        f"{arguments.id} is evaluated in shadow{replaced} while `txplatform project` or `worker` "
        f"runs; `txplatform rulesets disagreements {arguments.id}` lists the differences\n"
    )
    return 0


def _stop_shadowing(connection: psycopg.Connection, arguments: argparse.Namespace) -> int:
    shadowing = read_book(connection).shadowing
    if shadowing is None or shadowing.ruleset_id != arguments.id:
        raise TxPlatformError(f"{arguments.id} is not evaluated in shadow.")
    shadowing_id = shadowing.shadowing_id
    book = end_shadowing(connection, arguments.id, shadowing_id, by=author_of(arguments))
    if arguments.json:
        progress = read_progress(connection).get(shadowing_id)
        return _print_json(shadowing_response(book.shadowings[shadowing_id], progress))
    sys.stdout.write(f"{arguments.id} is no longer evaluated in shadow\n")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    with _connect() as connection:
        book = book_response(read_book(connection))
    if arguments.json:
        return _print_json(book)
    print_book(book)
    return 0


def _show(arguments: argparse.Namespace) -> int:
    with _connect() as connection:
        book, progress = read_book(connection), read_progress(connection)
        response = ruleset_response(book, arguments.id, account_currencies(connection))
    shadowings = [
        shadowing_response(each, progress.get(each.shadowing_id))
        for each in book.shadowings_of(arguments.id)
    ]
    if arguments.json:
        return _print_json({"ruleset": response, "shadowings": shadowings})
    print_ruleset(book.rulesets[arguments.id].read(), response, shadowings)
    return 0


def _disagreements(arguments: argparse.Namespace) -> int:
    with _connect() as connection:
        book = read_book(connection)
        shadowings = book.shadowings_of(find_ruleset(book, arguments.id).id)
        if not shadowings:
            raise TxPlatformError(f"{arguments.id} was never evaluated in shadow.")
        page = list_disagreements(
            connection, shadowings[-1], limit=arguments.limit, cursor=arguments.cursor
        )
    if arguments.json:
        return _print_json(page)
    print_disagreements(arguments.id, page)
    print_next(page.next_cursor)
    return 0


def _account_currencies() -> frozenset[str]:
    """Return the currencies of the accounts; none if the database cannot be asked.

    A rule set in a file can be checked without the platform.
    """
    try:
        with _connect() as connection:
            return account_currencies(connection)
    except (TxPlatformError, psycopg.Error):
        sys.stderr.write("The accounts' currencies are unknown: there is no database to ask.\n")
        return frozenset()


def _connect() -> psycopg.Connection:
    return load_settings().service_database.connect()


def _print_json(value: Any) -> int:
    sys.stdout.write(to_json(value).decode() + "\n")
    return 0
