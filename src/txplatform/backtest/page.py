"""Render the result of a backtest as one HTML page that needs no other files."""

from collections.abc import Iterable
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from txplatform.backtest.report import TITLES, Group, groups, largest, notes, per_second
from txplatform.backtest.run import Result
from txplatform.backtest.tally import MONTH, REASON, RULE, TOTAL
from txplatform.contracts.rulesets import content_hash
from txplatform.domain.currencies import format_amount

_MAX_BARS = 12
_MAX_LINES = 40


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart: the numbers of newly declined and newly approved decisions in a group."""

    name: str
    declined: int
    approved: int


@dataclass(frozen=True, slots=True)
class Section:
    """The changed decisions, grouped by one dimension, such as the month: a chart and a table.

    Attributes:
        bars: One bar per group; empty if no decision changes.
        overlapping: True if a decision may be counted in several groups.
    """

    title: str
    bars: list[Bar]
    lines: list[Group]
    overlapping: bool


def as_html(result: Result) -> str:
    """Return the result as an HTML page."""
    environment = Environment(
        loader=PackageLoader("txplatform.backtest", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["amount"] = format_amount
    totals = groups(result.tally, TOTAL)
    page = environment.get_template("page.html")
    return page.render(
        result=result,
        content_hash=content_hash(result.candidate),
        per_second=per_second(result),
        totals=totals,
        declined=sum(group.newly_declined.count for group in totals),
        approved=sum(group.newly_approved.count for group in totals),
        notes=notes(result),
        by_month=_section(result, MONTH),
        by_rule=_section(result, RULE),
        others=[_section(result, by) for by in TITLES if by not in (MONTH, RULE)],
        largest=largest(result.tally),
    )


def _section(result: Result, by: str) -> Section:
    found = groups(result.tally, by)
    if by == MONTH:
        bars = _bars(found) if any(group.changed for group in found) else []
    else:
        found = [group for group in found if group.changed]
        bars = sorted(_bars(found), key=lambda bar: (-bar.declined - bar.approved, bar.name))
        bars = bars[:_MAX_BARS]
    return Section(TITLES[by], bars, found[:_MAX_LINES], by in (RULE, REASON))


def _bars(found: Iterable[Group]) -> list[Bar]:
    sums: dict[str, list[int]] = {}
    for group in found:
        both = sums.setdefault(group.name, [0, 0])
        both[0] += group.newly_declined.count
        both[1] += group.newly_approved.count
    return [Bar(name, *both) for name, both in sums.items()]
