"""The table in docs/reliability.md."""

from __future__ import annotations

from pathlib import Path

from reliability.checks import CHECKS
from reliability.faults import FAULTS
from reliability.trial import Result

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
_BEGIN = "<!-- table: written by `make reliability` -->\n"
_END = "<!-- end of the table -->\n"
INVARIANTS = (*(check.__name__.partition("_")[0].upper() for check in CHECKS), "I8")
_COLUMNS = ("Purchases", "Messages", "Lost", "Doubled", "Over a limit", "Heals in", *INVARIANTS)
_HEAD = f"| Class | Fault | {' | '.join(_COLUMNS)} |\n|---|---|{'---|' * len(_COLUMNS)}\n"


def write(result: Result) -> None:
    """Write the row of a fault; the rows of others stay, those of faults that are gone do not."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    old, _, after = rest.partition(_END)
    rows = {line.split(" | ")[1]: line for line in old.splitlines() if line.count(" | ") > 1}
    rows[result.fault.text] = _row(result)
    table = _HEAD + "".join(f"{rows[fault.text]}\n" for fault in FAULTS if fault.text in rows)
    PAGE.write_text(f"{before}{_BEGIN}\n{table}\n{_END}{after}", encoding="utf-8")


def _row(result: Result) -> str:
    broken = {name.partition("_")[0].upper() for name in result.broken}
    cells = [
        result.fault.kind,
        result.fault.text,
        f"{result.answered:,}",
        f"{result.messages:,}",
        f"{result.lost}",
        f"{result.doubled}",
        f"{result.over_limit}",
        f"{result.heals_s:.1f} s",
        *("**no**" if name in broken else "yes" for name in INVARIANTS),
    ]
    return f"| {' | '.join(cells)} |"
