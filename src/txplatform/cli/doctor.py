"""`txplatform doctor`: check the database, broker, topics, clock and lag, and suggest fixes."""

import argparse
import sys
from dataclasses import asdict

import orjson
from rich.markup import escape
from rich.table import Table

from txplatform.cli.tables import print_table
from txplatform.doctor import examine
from txplatform.doctor.finding import Finding, FindingStatus
from txplatform.settings import load_settings

_STYLES = {
    FindingStatus.OK: "green",
    FindingStatus.WARNING: "yellow",
    FindingStatus.FAILED: "bold red",
    FindingStatus.SKIPPED: "dim",
}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print every finding; return 1 if a check failed or could not be made."""
    findings = []
    for finding in examine(load_settings()):
        findings.append(finding)
        if not arguments.json:
            print_table(_row(finding))  # at once, since a check can take seconds
    unhealthy = (FindingStatus.FAILED, FindingStatus.SKIPPED)
    healthy = all(finding.status not in unhealthy for finding in findings)
    if arguments.json:
        report = {"healthy": healthy, "findings": [asdict(finding) for finding in findings]}
        sys.stdout.write(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode() + "\n")
    return 0 if healthy else 1


def _row(finding: Finding) -> Table:
    row = Table.grid(padding=(0, 2))
    indent = max(map(len, FindingStatus))
    advice = f"\n[bold]→[/] {escape(finding.advice)}" if finding.advice else ""
    row.add_row(
        f"[{_STYLES[finding.status]}]{finding.status:<{indent}}[/]",
        f"[bold]{escape(finding.check)}[/]  {escape(finding.detail)}{advice}",
    )
    return row
