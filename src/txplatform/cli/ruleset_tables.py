"""Print rule sets, shadow evaluations, and decisions that a shadow rule set disagrees with."""

import sys
from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from txplatform.cli.tables import print_table
from txplatform.contracts.ruleset_responses import (
    DisagreementsResponse,
    RuleBookResponse,
    RuleSetResponse,
    ShadowingResponse,
)
from txplatform.domain.currencies import format_amount
from txplatform.domain.rulesets import RuleSet
from txplatform.pluralize import pluralize


def print_book(book: RuleBookResponse) -> None:
    """Print one line for each rule set."""
    table = Table("", "id", "description", "rules", "added", "by", "content hash")
    for item in book.items:
        table.add_row(
            "active" if item.active else "shadow" if item.shadowed else "",
            item.id,
            escape(item.description),
            str(item.rules),
            "built in" if item.added_at is None else f"{item.added_at:%Y-%m-%d %H:%M}",
            escape(item.added_by or ""),
            item.content_hash[:12],
        )
    print_table(table)


def print_ruleset(
    ruleset: RuleSet, response: RuleSetResponse, shadowings: Sequence[ShadowingResponse]
) -> None:
    """Print a rule set in sentences, then its activations and shadow evaluations."""
    sys.stdout.write(f"{response.id}, content hash {response.content_hash}\n")
    added = (
        "built in"
        if response.added_at is None
        else f"added {response.added_at:%Y-%m-%d %H:%M:%S} by {response.added_by}"
    )
    sys.stdout.write(f"{added}{': ' if ruleset.description else ''}{ruleset.description}\n")
    sys.stdout.writelines(f"  {rule.RULE}: {rule.sentence()}\n" for rule in ruleset.rules)
    sys.stdout.write(f"  holds end after {pluralize(ruleset.hold_days.default, 'day')}\n")
    sys.stdout.writelines(
        f"  in {', '.join(each.categories)} after {pluralize(each.days, 'day')}\n"
        for each in ruleset.hold_days.by_category
    )
    if not ruleset.hold_days.extended_by_increments:
        sys.stdout.write("  increments do not extend a hold\n")
    sys.stdout.writelines(f"  warning: {warning}\n" for warning in response.warnings)
    for each in response.activations:
        sys.stdout.write(
            f"activated {each.activated_at:%Y-%m-%d %H:%M:%S} by {each.activated_by}: "
            f"{each.reason}\n"
        )
    for shadowing in shadowings:
        until = f" to {shadowing.ended_at:%Y-%m-%d %H:%M}" if shadowing.ended_at else ""
        sys.stdout.write(
            f"shadowed from {shadowing.started_at:%Y-%m-%d %H:%M}{until}: {shadowing.judged} "
            f"judged, {shadowing.newly_declined} newly declined, "
            f"{shadowing.newly_approved} newly approved\n"
        )


def print_disagreements(ruleset_id: str, page: DisagreementsResponse) -> None:
    """Print one line for each decision that the shadow rule set would make differently."""
    table = Table(title=f"Decisions that {ruleset_id} would make differently, newest first")
    for name in ("event", "account", "version", "decided at (UTC)"):
        table.add_column(name, overflow="fold")
    table.add_column("amount", justify="right", no_wrap=True)
    for name in ("", "was", "would be", "reasons"):
        table.add_column(name)
    for each in page.items:
        reasons = each.shadow_reasons or each.reasons
        table.add_row(
            each.event_id,
            each.account_id,
            str(each.account_version),
            f"{each.decided_at:%Y-%m-%d %H:%M:%S}",
            format_amount(each.amount, each.currency),
            each.currency,
            each.decision,
            each.shadow_decision,
            ", ".join(reason["code"] for reason in reasons),
        )
    print_table(table)
