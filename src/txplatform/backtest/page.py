"""A backtest as one HTML page that needs nothing else: no script, no font, no other file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from txplatform.backtest.charts import NARROW, WIDE, Bar, columns, rows
from txplatform.backtest.report import TITLES, Group, groups, largest, notes, per_second
from txplatform.backtest.run import Result
from txplatform.backtest.tally import MONTH, REASON, RULE, TOTAL
from txplatform.contracts.rulesets import content_hash

_MOST_BARS = 12
_MOST_LINES = 40
_STYLE = """
:root { color-scheme: light dark; --ground: #fbfaf8; --sheet: #fff; --ink: #1d1d1f;
  --faint: #6a6a70; --rule: #e3e1dc; --declined: #c2570c; --approved: #1f6fb2; }
@media (prefers-color-scheme: dark) { :root { --ground: #131416; --sheet: #1c1e21; --ink: #e9e8e6;
  --faint: #a0a0a6; --rule: #34363a; --declined: #f28b3c; --approved: #5aa9e6; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 0 0 12px; }
p { margin: 0 0 8px; } .faint, caption { color: var(--faint); }
code { font: 12.5px ui-monospace, monospace; overflow-wrap: anywhere; }
section .faint:last-child { margin: 10px 0 0; }
section { background: var(--sheet); border: 1px solid var(--rule); border-radius: 10px;
  padding: 18px 20px; margin-top: 18px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(160px, 1fr)); gap: 12px;
  margin-top: 20px; }
.cards div { background: var(--sheet); border: 1px solid var(--rule); border-radius: 10px;
  padding: 12px 16px; }
.cards b { display: block; font-size: 24px; line-height: 1.3; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr));
  gap: 0 18px; }
svg { display: block; width: 100%; height: auto; font-size: 12.5px; }
svg text { fill: var(--ink); } svg .number { fill: var(--faint); }
.declined { fill: var(--declined); color: var(--declined); }
.approved { fill: var(--approved); color: var(--approved); }
.axis { stroke: var(--faint); stroke-width: 1; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; margin-top: 10px; }
th, td { text-align: left; padding: 5px 10px 5px 0; border-top: 1px solid var(--rule);
  vertical-align: top; }
th { border-top: 0; font-weight: 600; color: var(--faint); } .n { text-align: right; }
summary { cursor: pointer; color: var(--faint); margin-top: 10px; }
@media print { section { break-inside: avoid; } }
"""


def as_html(result: Result) -> str:
    """The whole page."""
    tally, candidate = result.tally, result.candidate
    totals = groups(tally, TOTAL)
    since = (
        "from the beginning" if result.since is None else f"since {result.since:%Y-%m-%d %H:%M} UTC"
    )
    others = "".join(_by(result, by) for by in TITLES if by not in (MONTH, RULE))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Backtest of {escape(candidate.id)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>Backtest of {escape(candidate.id)}</h1>"
        f"<p>{escape(candidate.description)}</p>"
        f'<p class="faint">Decided {since}, up to log position {result.log_position:,}. '
        f"Content hash <code>{content_hash(candidate)}</code></p>"
        f"{_cards(result, totals)}"
        f"<section><h2>In all</h2>{_table(totals, 'currency')}{_aside(result)}</section>"
        f"{_by(result, MONTH)}"
        f"{_by(result, RULE)}"
        f'<div class="pair">{others}</div>'
        f"{_largest(result)}"
        "</main></body></html>\n"
    )


def _cards(result: Result, totals: Sequence[Group]) -> str:
    declined = sum(group.newly_declined.count for group in totals)
    approved = sum(group.newly_approved.count for group in totals)
    cards = [
        (f"{result.tally.judged:,}", "decisions judged", ""),
        (f"{declined:,}", "newly declined", "declined"),
        (f"{approved:,}", "newly approved", "approved"),
        (f"{result.tally.accounts:,}", "accounts", ""),
        (f"{result.seconds:,.1f} s", f"{per_second(result):,} decisions/s", ""),
    ]
    return (
        '<div class="cards">'
        + "".join(f'<div><b class="{kind}">{value}</b>{name}</div>' for value, name, kind in cards)
        + "</div>"
    )


def _aside(result: Result) -> str:
    said = " ".join(map(escape, notes(result)))
    return f'<p class="faint">{said} Amounts are in minor units.</p>'


def _by(result: Result, by: str) -> str:
    found = groups(result.tally, by)
    if by != MONTH:
        found = [group for group in found if group.changed]
    title = f"<h2>{TITLES[by]}</h2>"
    if not any(group.changed for group in found):
        return f'<section>{title}<p class="faint">Nothing changes.</p></section>'
    bars = _bars(found)
    drawn = (
        columns(bars, TITLES[by], WIDE)
        if by == MONTH
        else rows(
            sorted(bars, key=_by_size)[:_MOST_BARS], TITLES[by], WIDE if by == RULE else NARROW
        )
    )
    note = (
        '<p class="faint">A decision that several refuse is counted under each.</p>'
        if by in (RULE, REASON)
        else ""
    )
    table = _table(found[:_MOST_LINES], "name")
    figures = f"<details><summary>Figures</summary>{table}</details>"
    return f"<section>{title}{note}{drawn}{figures}</section>"


def _bars(found: Iterable[Group]) -> list[Bar]:
    """One for each name: numbers of decisions add up where amounts do not."""
    sums: dict[str, list[int]] = {}
    for group in found:
        both = sums.setdefault(group.name, [0, 0])
        both[0] += group.newly_declined.count
        both[1] += group.newly_approved.count
    return [Bar(name, *both) for name, both in sums.items()]


def _by_size(bar: Bar) -> tuple[int, str]:
    return -bar.declined - bar.approved, bar.name


def _table(found: Sequence[Group], first: str) -> str:
    with_all = any(group.judged.count for group in found)
    heads = ([""] if first == "name" else []) + ["currency"]
    numbers = (["judged", "approved before"] if with_all else []) + [
        "newly declined",
        "amount",
        "newly approved",
        "amount",
    ]
    lines = [
        "".join(f"<th>{head}</th>" for head in heads)
        + "".join(f'<th class="n">{head}</th>' for head in numbers)
    ]
    for group in found:
        values = [group.judged.count, group.approved.count] if with_all else []
        values += [
            group.newly_declined.count,
            group.newly_declined.amount,
            group.newly_approved.count,
            group.newly_approved.amount,
        ]
        names = ([group.name] if first == "name" else []) + [group.currency]
        lines.append(
            "".join(f"<td>{escape(name)}</td>" for name in names)
            + "".join(f'<td class="n">{value:,}</td>' for value in values)
        )
    return _rows_of(lines)


def _largest(result: Result) -> str:
    changes = largest(result.tally)
    if not changes:
        return ""
    heads = [
        "event",
        "account",
        "decided (UTC)",
        "merchant",
        "amount",
        "",
        "now",
        "why, or why not",
    ]
    lines = ["".join(f"<th{' class=n' if head == 'amount' else ''}>{head}</th>" for head in heads)]
    for change in changes:
        now = "approved" if change.approved else "declined"
        lines.append(
            f"<td><code>{escape(change.event_id)}</code></td>"
            f"<td><code>{escape(change.account_id)}</code> version {change.version}</td>"
            f"<td>{change.decided_at:%Y-%m-%d %H:%M:%S}</td>"
            f"<td>{escape(change.merchant_name)} <span class=faint>{escape(change.category)} "
            f"{escape(change.country)}</span></td>"
            f'<td class="n">{change.amount:,}</td><td>{escape(change.currency)}</td>'
            f'<td class="{now}">{now}</td>'
            f"<td>{'<br>'.join(map(escape, change.messages))}</td>"
        )
    return f"<section><h2>The largest changes</h2>{_rows_of(lines)}</section>"


def _rows_of(lines: list[str]) -> str:
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="scroll"><table>{body}</table></div>'
