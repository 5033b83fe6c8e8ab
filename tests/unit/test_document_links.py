"""What the documents link to, and the documents that the repository cites, exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "path", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")], ids=lambda path: path.name
)
def test_every_link_of_a_document_leads_somewhere(path: Path) -> None:
    """To a file, and to a heading if it has an anchor."""
    for target in re.findall(r"\]\((?!https?://)([^)\s]+)\)", path.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        linked = path.parent / name if name else path
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as Markdown's readers make them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_every_document_that_is_cited_is_in_the_repository() -> None:
    """In code, tests and documents."""
    cited = {
        name
        for folder in ("src", "tests", "examples", "benchmarks", "docs")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".json", ".sql", ".md"}
        for name in re.findall(r"\b[A-Za-z_-]+\.md\b", path.read_text(encoding="utf-8"))
    }
    kept = (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("src/**/*.md"))
    assert cited <= {path.name for path in kept}
