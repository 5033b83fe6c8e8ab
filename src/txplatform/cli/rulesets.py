"""`txplatform rulesets`: check, compare, add, activate and shadow rule sets."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from getpass import getuser
from typing import Any
from uuid import uuid4

import psycopg

from txplatform.api.rule_book_view import (
    activation_response,
    book_response,
    ruleset_response,
    shadowing_response,
)
from txplatform.backtest.candidate import NoCandidateError, find_candidate
from txplatform.cli.ruleset_tables import print_book, print_disagreements, print_ruleset
from txplatform.contracts.encoding import to_json
from txplatform.contracts.fields import refuse_card_number
from txplatform.contracts.rulesets import content_hash
from txplatform.database import Database
from txplatform.domain.cause import OperatorCause
from txplatform.domain.rules.differences import diff
from txplatform.domain.rules.lint import lint, most_telling
from txplatform.domain.rulesets import RuleSet
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

_SHOWN = 20
_LONGEST_REASON = 200


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    actions = parser.add_subparsers(dest="action", required=True)

    lint_ = actions.add_parser("lint", help="check a file, and warn of what looks like a mistake")
    lint_.add_argument("ruleset", metavar="FILE|ID")
    diff_ = actions.add_parser("diff", help="say what changes from one to the other")
    diff_.add_argument("old", metavar="FILE|ID")
    diff_.add_argument("new", metavar="FILE|ID")
    add = actions.add_parser("add", help="add a file's rule set; it decides nothing yet")
    add.add_argument("ruleset", metavar="FILE")
    activate_ = actions.add_parser("activate", help="let a rule set decide, everywhere, at once")
    activate_.add_argument("id", metavar="ID", help="such as retail@3")
    shadow = actions.add_parser("shadow", help="let a rule set decide along, without effect")
    shadow.add_argument("id", metavar="ID", help="such as retail@4")
    shadow.add_argument("--stop", action="store_true", help="let it decide along no more")
    show = actions.add_parser("show", help="one rule set, its activations and shadowings")
    show.add_argument("id", metavar="ID", help="such as retail@3")
    disagreements = actions.add_parser(
        "disagreements", help="what the newest shadowing of a rule set would decide otherwise"
    )
    disagreements.add_argument("id", metavar="ID", help="such as retail@4")
    disagreements.add_argument("--limit", type=int, default=_SHOWN, metavar="N")
    listing = actions.add_parser("list", help="every rule set, and which one decides")

    activate_.add_argument("--reason", required=True, type=_reason, help="why, for ever")
    shadow.add_argument("--reason", type=_reason, help="why, for ever; needed to start")
    for action in (add, activate_, shadow):
        action.add_argument("--by", default=None, type=_reason, help="who; you by default")
    for action in (lint_, diff_, add, activate_, shadow, show, disagreements, listing):
        action.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked; a file that cannot be used is wrong use."""
    try:
        return _ACTIONS[arguments.action](arguments)
    except NoCandidateError as error:
        lines = [f"txplatform rulesets: {error.what}", *error.problems]
        sys.stderr.write("\n  ".join(lines) + "\n")
        return 2


def _lint(arguments: argparse.Namespace) -> int:
    ruleset = _find(arguments.ruleset)
    warnings = lint(ruleset)
    told = most_telling(warnings)
    if arguments.json:
        _print(
            {"id": ruleset.id, "content_hash": content_hash(ruleset), "warnings": told},
        )
    else:
        sys.stdout.writelines(f"{warning}\n" for warning in told)
        sys.stdout.write(
            f"{ruleset.id}: {pluralize(len(ruleset.rules), 'rule')}, "
            f"{pluralize(len(warnings), 'warning')}, "
            f"content hash {content_hash(ruleset)}\n"
        )
    return 0


def _diff(arguments: argparse.Namespace) -> int:
    old, new = _find(arguments.old), _find(arguments.new)
    changes = diff(old, new)
    if arguments.json:
        _print({"old": old.id, "new": new.id, "changes": changes})
    else:
        sys.stdout.writelines(f"{change}\n" for change in changes or ["Nothing changes."])
    return 0


def _add(arguments: argparse.Namespace) -> int:
    ruleset = find_candidate(arguments.ruleset)
    with _connect() as connection:
        recorded = add_ruleset(connection, ruleset, by=_who(arguments))
    if arguments.json:
        _print(ruleset_response(recorded.book, ruleset.id))
        return 0
    sys.stderr.writelines(f"warning: {warning}\n" for warning in most_telling(lint(ruleset)))
    how = "was there already" if recorded.replayed else "added"
    sys.stdout.write(
        f"{ruleset.id} {how}; it decides nothing until you run "
        f"`txplatform rulesets activate {ruleset.id} --reason …`\n"
    )
    return 0


def _activate(arguments: argparse.Namespace) -> int:
    with _connect() as connection:
        before = read_book(connection)
        recorded = activate(
            connection,
            f"cli-{uuid4()}",
            arguments.id,
            reason=arguments.reason,
            by=_who(arguments),
        )
    if arguments.json:
        _print(activation_response(recorded.entry))
        return 0
    sys.stdout.write(
        f"{arguments.id} decides everywhere within a second, after {before.active_id}\n"
    )
    try:
        changes = diff(before.active, recorded.book.active) or ["Nothing changes."]
    except UnreadableRuleSetError as error:
        changes = [f"What changes is not known: {error.what}"]
    sys.stdout.writelines(f"  {change}\n" for change in changes)
    return 0


def _shadow(arguments: argparse.Namespace) -> int:
    with _connect() as connection:
        if arguments.stop:
            return _stop_shadowing(connection, arguments)
        if arguments.reason is None:
            sys.stderr.write("txplatform rulesets shadow: --reason is needed to start\n")
            return 2
        before = read_book(connection).shadowing
        if before is not None and before.ruleset_id == arguments.id:
            sys.stderr.write(
                f"txplatform rulesets shadow: {arguments.id} decides along already, since "
                f"{before.started_at:%Y-%m-%d %H:%M} (UTC); --stop it to count anew.\n"
            )
            return 1
        shadowing_id = f"cli-{uuid4()}"
        recorded = start_shadowing(
            connection, shadowing_id, arguments.id, reason=arguments.reason, by=_who(arguments)
        )
    if arguments.json:
        _print(shadowing_response(recorded.book.shadowings[shadowing_id], None))
    else:
        sys.stdout.write(
            f"{arguments.id} decides along where `txplatform project` or `worker` runs"
            f"{'' if before is None else f', and {before.ruleset_id} no more'}; "
            f"`txplatform rulesets disagreements {arguments.id}` lists what it would change\n"
        )
    return 0


def _stop_shadowing(connection: psycopg.Connection, arguments: argparse.Namespace) -> int:
    shadowing = read_book(connection).shadowing
    if shadowing is None or shadowing.ruleset_id != arguments.id:
        sys.stderr.write(f"txplatform rulesets shadow: {arguments.id} does not decide along.\n")
        return 1
    book = end_shadowing(connection, arguments.id, shadowing.shadowing_id, by=_who(arguments))
    if arguments.json:
        progress = read_progress(connection).get(shadowing.shadowing_id)
        _print(shadowing_response(book.shadowings[shadowing.shadowing_id], progress))
    else:
        sys.stdout.write(f"{arguments.id} decides along no more\n")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    with _connect() as connection:
        answer = book_response(read_book(connection))
    if arguments.json:
        _print(answer)
    else:
        print_book(answer)
    return 0


def _show(arguments: argparse.Namespace) -> int:
    with _connect() as connection:
        book, progress = read_book(connection), read_progress(connection)
    answer = ruleset_response(book, find_ruleset(book, arguments.id).id)
    shadowings = [
        shadowing_response(each, progress.get(each.shadowing_id))
        for each in book.shadowings.values()
        if each.ruleset_id == arguments.id
    ]
    if arguments.json:
        _print({"ruleset": answer, "shadowings": shadowings})
    else:
        print_ruleset(book.rulesets[answer.id].read(), answer, shadowings)
    return 0


def _disagreements(arguments: argparse.Namespace) -> int:
    with _connect() as connection:
        book = read_book(connection)
        find_ruleset(book, arguments.id)
        shadowings = [each for each in book.shadowings.values() if each.ruleset_id == arguments.id]
        if not shadowings:
            sys.stderr.write(f"txplatform rulesets: {arguments.id} never decided along.\n")
            return 1
        found = list_disagreements(
            connection, shadowings[-1].shadowing_id, limit=max(1, arguments.limit)
        )
    if arguments.json:
        _print(found)
    else:
        print_disagreements(arguments.id, found)
    return 0


_ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "lint": _lint,
    "diff": _diff,
    "add": _add,
    "activate": _activate,
    "shadow": _shadow,
    "list": _list,
    "show": _show,
    "disagreements": _disagreements,
}


def find_stored(ruleset_id: str) -> RuleSet | None:
    """The rule set of this id in the rule book; None where there is none."""
    with _connect() as connection:
        stored = read_book(connection).rulesets.get(ruleset_id)
    return None if stored is None else stored.read()


def _find(word: str) -> RuleSet:
    return find_candidate(word, find_stored)


def _connect() -> psycopg.Connection:
    return Database.for_service(load_settings()).connect()


def _who(arguments: argparse.Namespace) -> OperatorCause:
    return OperatorCause(arguments.by or f"{getuser()} (command line)")


def _reason(word: str) -> str:
    text = word.strip()
    if not text or len(text) > _LONGEST_REASON or not text.isprintable():
        raise argparse.ArgumentTypeError(f"write one line of at most {_LONGEST_REASON} characters")
    try:
        return refuse_card_number(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _print(value: Any) -> None:
    sys.stdout.write(to_json(value).decode() + "\n")
