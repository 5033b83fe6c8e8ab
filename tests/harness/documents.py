"""Tables and examples in Markdown documents."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"

Row = tuple[str, ...]


def document(name: str) -> str:
    """Return the text of a document in docs/."""
    return (DOCS / name).read_text(encoding="utf-8")


def table(text: str, heading: str, first_column: str) -> list[Row]:
    """Return the rows of the table with this first column, in the section with this heading."""
    section = text.partition(f"\n## {heading}\n")[2] or text.partition(f"\n### {heading}\n")[2]
    lines = re.split(r"^##", section, maxsplit=1, flags=re.MULTILINE)[0].splitlines()
    (start,) = [at for at, line in enumerate(lines) if line.startswith(f"| {first_column} |")]
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(tuple(cell.strip() for cell in line.removeprefix("|").split("|")[:-1]))
    return rows


def codes(cell: str) -> list[str]:
    """Return the code spans in a table cell."""
    return re.findall(r"`([^`]+)`", cell)


def first_codes(rows: list[Row]) -> list[str]:
    """Return the code spans in the first cell of each row."""
    return [code for row in rows for code in codes(row[0])]


def json_examples(text: str) -> list[dict[str, Any]]:
    """Return the JSON objects that a document shows."""
    return [json.loads(block) for block in code_blocks(text, "json")]


def code_blocks(text: str, language: str, containing: str = "") -> list[str]:
    """Return the code in this language that a document shows, if it contains a text."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [block for block in blocks if containing in block]
