"""Read the entries of an ISO 20022 bank statement, one at a time, with their lines.

Elements are found by their local names, since banks use namespaces and prefixes of their own.
defusedxml refuses document type definitions and external entities.
"""

from __future__ import annotations

import xml.sax
import xml.sax.handler
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.xmlreader import AttributesImpl, Locator

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import create_parser

from txplatform.importing.records import UnusableFileError

STATEMENTS = frozenset({"Stmt", "Ntfctn", "Rpt"})
"""The local names of a statement (camt.053), a notification (054) and a report (052)."""

_CHUNK = 65_536


@dataclass(slots=True)
class Element:
    """An XML element with its line in the file; names are local names."""

    name: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def all(self, name: str, *deeper: str) -> list[Element]:
        """Return the elements that this path of child names leads to."""
        found = [child for child in self.children if child.name == name]
        return [each for child in found for each in child.all(*deeper)] if deeper else found

    def first(self, *path: str) -> Element | None:
        """Return the first element at the path, or None."""
        return next(iter(self.all(*path)), None)

    def text_at(self, *path: str) -> str | None:
        """Return the text of the first element at the path, or None if it is absent or blank."""
        found = self.first(*path)
        return (found.text.strip() or None) if found is not None else None


def read_entries(path: Path) -> Iterator[tuple[Element, Element]]:
    """Yield each entry (`Ntry`) with its statement, whose children leave out all entries.

    Raises:
        UnusableFileError: The file is not XML in a known encoding, or has no statement.
    """
    parser = create_parser(forbid_dtd=True)
    entries = _Entries(parser)
    parser.setContentHandler(entries)
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                parser.feed(chunk)
                while entries.complete:
                    yield entries.complete.popleft()
            parser.close()
    except xml.sax.SAXParseException as error:
        raise UnusableFileError(
            f"{path.name}, line {error.getLineNumber()}: not well-formed XML:"
            f" {error.getMessage()}.",
            next_step="Get the whole file from the bank again.",
        ) from None
    except DefusedXmlException:
        raise UnusableFileError(
            f"{path.name} has a document type definition, which no bank statement has.",
            next_step="Find out where the file comes from.",
        ) from None
    except (LookupError, ValueError) as error:
        raise UnusableFileError(
            f"{path.name} has an encoding that cannot be read: {error}.",
            next_step="Ask the bank for UTF-8.",
        ) from None
    if not entries.statements:
        raise UnusableFileError(
            f"{path.name} has no statement (Stmt) and no notification (Ntfctn).",
            next_step="Import a camt.053 or camt.054 file.",
        )


class _Entries(xml.sax.handler.ContentHandler):
    """Builds the elements of statements and collects complete entries."""

    def __init__(self, place: Locator) -> None:
        super().__init__()
        self.complete: deque[tuple[Element, Element]] = deque()
        self.statements = 0
        self._open: list[Element] = []
        self._place = place

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        local = name.rpartition(":")[2]
        if not self._open and local not in STATEMENTS:
            return
        self.statements += not self._open
        line = self._place.getLineNumber() or 0
        self._open.append(Element(local, line, dict(attrs.items())))

    def characters(self, content: str) -> None:
        if self._open:
            self._open[-1].text += content

    def endElement(self, name: str) -> None:  # noqa: ARG002, N802
        if not self._open:
            return
        closed = self._open.pop()
        match self._open:
            case [statement] if closed.name == "Ntry":
                self.complete.append((statement, closed))
            case [*_, parent]:
                parent.children.append(closed)
