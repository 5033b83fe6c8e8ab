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
_COUNTS = ("Lost", "Doubled", "Over a limit")
_COLUMNS = ("Class", "Fault", "Purchases", "Messages", *_COUNTS, "Heals in", *INVARIANTS)
_HEAD = f"| {' | '.join(_COLUMNS)} |\n{'|---' * len(_COLUMNS)}|\n"
_UNKNOWN = "not checked"


def rows(page: Path = PAGE) -> dict[str, dict[str, str]]:
    """Return the cells of the table by column, of each fault by its text."""
    _, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    lines = [line for line in rest.partition(_END)[0].splitlines() if " | " in line][1:]
    cells = [dict(zip(_COLUMNS, line[2:-2].split(" | "), strict=True)) for line in lines]
    return {row["Fault"]: row for row in cells}


def broken(row: dict[str, str]) -> dict[str, str]:
    """Return the cells of a row by which an invariant is broken, by column."""
    right = dict.fromkeys(_COUNTS, "0") | dict.fromkeys(INVARIANTS, "yes")
    return {name: row[name] for name, value in right.items() if row[name] != value}


def write(result: Result, page: Path = PAGE) -> None:
    """Write the row of a fault; the rows of others stay, those of faults that are gone do not."""
    before, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    found = rows(page) | {result.fault.text: _row(result)}
    lines = [" | ".join(found[fault.text].values()) for fault in FAULTS if fault.text in found]
    table = _HEAD + "".join(f"| {line} |\n" for line in lines)
    after = rest.partition(_END)[2]
    page.write_text(f"{before}{_BEGIN}\n{table}\n{_END}{after}", encoding="utf-8")


def _row(result: Result) -> dict[str, str]:
    names = {name.partition("_")[0].upper() for name in result.broken}
    unbroken = _UNKNOWN if "I8" in names else "yes"
    counts = (result.lost, result.doubled, result.over_limit)
    cells = (
        result.fault.kind,
        result.fault.text,
        f"{result.answered:,}",
        f"{result.messages:,}",
        *(_UNKNOWN if count is None else f"{count}" for count in counts),
        _UNKNOWN if result.heals_s is None else f"{result.heals_s:.1f} s",
        *("**no**" if name in names else unbroken for name in INVARIANTS),
    )
    return dict(zip(_COLUMNS, cells, strict=True))
