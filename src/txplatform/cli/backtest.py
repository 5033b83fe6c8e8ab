"""`txplatform backtest`: apply a rule set to past decisions and report the differences."""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from txplatform.backtest.page import as_html
from txplatform.backtest.report import TITLES, Group, as_json, groups, largest, notes, per_second
from txplatform.backtest.run import Result, backtest, cores
from txplatform.backtest.tally import MONTH, RULESET, TOTAL
from txplatform.cli.progress import progress
from txplatform.cli.ruleset_files import UnusableRuleSetError, load_ruleset
from txplatform.cli.tables import print_table
from txplatform.domain.currencies import format_amount
from txplatform.domain.requests import Merchant
from txplatform.eventstore.consistent_read import count_events
from txplatform.pluralize import pluralize
from txplatform.settings import load_settings

_MAX_LINES = 12
_MAX_PROCESSES = 256


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ruleset",
        required=True,
        metavar="FILE|ID",
        help="the rule set to test: a JSON file, or the id of an added rule set",
    )
    parser.add_argument(
        "--since",
        type=_moment,
        metavar="DAY",
        help="day or time (UTC) from which to apply it; earlier decisions stay as recorded",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument(
        "--html", type=_writable, metavar="FILE", help="also write a page with charts"
    )
    parser.add_argument(
        "--processes", type=_number, default=cores(), metavar="N", help="default: one per core"
    )


def run(arguments: argparse.Namespace) -> int:
    """Backtest the rule set and print the result; return 2 for an unusable rule set, else 0."""
    try:
        candidate = load_ruleset(arguments.ruleset)
    except UnusableRuleSetError as error:
        sys.stderr.write(f"txplatform backtest: {error}\n")
        return 2
    database = load_settings().service_database
    with database.connect() as connection:
        connection.execute("SET statement_timeout = 0")
        events = count_events(connection)
    with progress(f"backtest {candidate.id}", events) as advance:
        result = backtest(
            database, candidate, arguments.since, processes=arguments.processes, advance=advance
        )
    if arguments.html is not None:
        arguments.html.write_text(as_html(result), encoding="utf-8")
    if arguments.json:
        sys.stdout.write(as_json(result) + "\n")
    else:
        _print(result)
    return 0


def _print(result: Result) -> None:
    tally = result.tally
    sys.stdout.write(
        f"{result.candidate.id}: {pluralize(tally.judged, 'decision')} of "
        f"{pluralize(tally.accounts, 'account')} judged "
        f"in {result.seconds:.1f} s ({per_second(result)} decisions/s), "
        f"up to log position {result.log_position}\n"
    )
    totals = groups(tally, TOTAL)
    if not any(group.changed for group in totals):
        sys.stdout.write("No decision changes.\n")
    else:
        _print_groups("In total", totals, named=False)
        for by, title in TITLES.items():
            changed = [group for group in groups(tally, by) if group.changed]
            shown = changed if by in (MONTH, RULESET) else changed[:_MAX_LINES]
            more = (
                f"; {len(changed) - len(shown)} more in --json" if len(changed) > len(shown) else ""
            )
            _print_groups(title + more, shown, named=True)
        _print_largest(result)
    sys.stdout.writelines(f"{note}\n" for note in notes(result))


def _print_groups(title: str, found: list[Group], *, named: bool) -> None:
    table = Table(title=title, title_justify="left")
    if named:
        table.add_column("", overflow="fold")
    table.add_column("currency")
    with_all = any(group.judged.count for group in found)
    numbers = ["newly declined", "amount", "newly approved", "amount"]
    for name in ["judged", "approved before", *numbers] if with_all else numbers:
        table.add_column(name, justify="right")
    for group in found:
        counts = [group.newly_declined, group.newly_approved]
        values = [f"{group.judged.count:,}", f"{group.approved.count:,}"] if with_all else []
        for each in counts:
            values += [f"{each.count:,}", format_amount(each.amount, group.currency)]
        names = [group.name, group.currency] if named else [group.currency]
        table.add_row(*names, *values)
    print_table(table)


def _print_largest(result: Result) -> None:
    table = Table(title="The largest changes", title_justify="left")
    for name in ("event", "account", "version", "decided at (UTC)", "merchant"):
        table.add_column(name, overflow="fold")
    table.add_column("amount", justify="right", no_wrap=True)
    for name in ("", "now", "reasons"):
        table.add_column(name)
    for change in largest(result.tally):
        purchase = change.recorded.purchase
        table.add_row(
            change.recorded.event_id,
            change.account_id,
            str(change.version),
            f"{change.recorded.timestamp:%Y-%m-%d %H:%M}",
            _merchant(purchase.merchant),
            format_amount(purchase.amount, purchase.currency),
            purchase.currency,
            "approved" if change.approved else "declined",
            ", ".join(reason.code for reason in change.reasons),
        )
    print_table(table)


def _merchant(merchant: Merchant) -> str:
    """Return the merchant's category and country, or the name if both are unknown."""
    known = [code for code in (merchant.category_code, merchant.country) if code is not None]
    return " ".join(known) or (merchant.name or "")


def _moment(word: str) -> datetime:
    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{word!r} is not a date or time; write 2026-10-01 or 2026-10-01T12:00:00Z"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _writable(word: str) -> Path:
    """Return the path. Refuse an unwritable path now, not after the backtest has run."""
    path = Path(word)
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{word!r} cannot be written")
    return path


def _number(word: str) -> int:
    if not word.isdecimal() or not 1 <= int(word) <= _MAX_PROCESSES:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number from 1 to {_MAX_PROCESSES}")
    return int(word)
