"""Links in documents work, and every document cited in the repository exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "path",
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("clients/*/*.md")],
    ids=lambda path: path.name,
)
def test_every_link_of_a_document_leads_somewhere(path: Path) -> None:
    """A link leads to an existing file, and its anchor to an existing heading."""
    for target in re.findall(r"\]\((?!https?://)([^)\s]+)\)", path.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        linked = path.parent / name if name else path
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


def anchors(path: Path) -> set[str]:
    """Return the anchors that Markdown renderers create for a document's headings."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_every_document_that_is_cited_is_in_the_repository() -> None:
    """Code, tests and documents are searched for names of documents."""
    cited = {
        name
        for folder in ("src", "clients", "tests", "examples", "benchmarks", "docs")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".json", ".sql", ".md"}
        for name in re.findall(r"\b[A-Za-z_-]+\.md\b", path.read_text(encoding="utf-8"))
    }
    kept = (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("src/**/*.md"))
    assert cited <= {path.name for path in kept}
