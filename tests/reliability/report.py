"""The table in docs/reliability.md."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from reliability.checks import CHECKS
from reliability.trial import Result

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
_BEGIN = "<!-- table: written by `make reliability` -->\n"
_END = "<!-- end of the table -->\n"
INVARIANTS = (*(check.__name__.partition("_")[0].upper() for check in CHECKS), "I8")
_COLUMNS = ("Purchases", "Messages", "Lost", "Doubled", "Over a limit", "Heals in", *INVARIANTS)


def table(results: Iterable[Result]) -> str:
    """Return the results as a Markdown table."""
    lines = [
        f"| Class | Fault | {' | '.join(_COLUMNS)} |",
        f"|---|---|{'---|' * len(_COLUMNS)}",
    ]
    for result in results:
        broken = {name.partition("_")[0].upper() for name in result.broken}
        cells = [
            f"{result.answered:,}",
            f"{result.messages:,}",
            f"{result.lost}",
            f"{result.doubled}",
            f"{result.over_limit}",
            f"{result.heals_s:.1f} s",
            *("**no**" if name in broken else "yes" for name in INVARIANTS),
        ]
        lines.append(f"| {result.fault.kind} | {result.fault.text} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def write(results: Iterable[Result]) -> None:
    """Replace the table of the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    after = rest.partition(_END)[2]
    page = f"{before}{_BEGIN}\n{table(results)}\n{_END}{after}"
    PAGE.write_text(page, encoding="utf-8")
