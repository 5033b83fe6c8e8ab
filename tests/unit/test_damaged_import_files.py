"""A damaged file gives records, refusals or an error that says so, whatever the damage is."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.ipm import CARD, presentment, write_ipm
from txplatform.importing.account_finder import ACCOUNT_FACTS, AccountFinder
from txplatform.importing.bank_payments import BankPayments
from txplatform.importing.csv_files import CsvFile
from txplatform.importing.ipm import IpmFile
from txplatform.importing.records import FileRecord, Read, Reader, Refusal, Skip, UnusableFileError
from txplatform.importing.screening import screened

STATEMENTS = Path(__file__).parents[1] / "statements"
PAYMENTS = b"payment_id,account_id,amount,currency,kind\np1,a,12.50,EUR,\np2,a,1,JPY,return\n"
ITEMS = b"clearing_id;account_id;amount;currency;final;merchant.id\nc1;a;1.00;EUR;true;m\n"

Edit = tuple[float, int, bytes]
"""Where to edit, as a part of the length; how many bytes to remove; what to insert."""

EDITS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 40),
        st.binary(max_size=4) | st.text('<>&"0123456789,;\n. -', max_size=6).map(str.encode),
    ),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder for one file at a time."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def read_damaged(folder: Path, data: bytes, edits: list[Edit], reader: Reader) -> list[Read]:
    """Read a file with these edits; nothing if it is refused as a whole."""
    for place, removed, inserted in edits:
        at = int(place * len(data))
        data = data[:at] + inserted + data[at + removed :]
    (folder / "file").write_bytes(data)
    try:
        return [*screened(reader, unique_ids=True)]
    except UnusableFileError:
        return []


@given(edits=EDITS, data=st.sampled_from([PAYMENTS, ITEMS]))
def test_a_damaged_csv_file(folder: Path, edits: list[Edit], data: bytes) -> None:
    found = read_damaged(folder, data, edits, CsvFile(folder / "file").read)
    assert all(isinstance(each, FileRecord | Refusal) for each in found)


@given(edits=EDITS, path=st.sampled_from(sorted(STATEMENTS.glob("*.xml"))))
def test_a_damaged_statement(folder: Path, edits: list[Edit], path: Path) -> None:
    finder = AccountFinder([*ACCOUNT_FACTS])
    reader = BankPayments(folder / "file", finder).read
    found = read_damaged(folder, path.read_bytes(), edits, reader)
    assert all(isinstance(each, FileRecord | Refusal | Skip) for each in found)


@given(edits=EDITS, blocked=st.booleans(), encoding=st.sampled_from(["latin_1", "cp500"]))
def test_a_damaged_network_file(
    folder: Path, edits: list[Edit], encoding: str, *, blocked: bool
) -> None:
    path = write_ipm(folder / "file", presentment(), blocked=blocked, encoding=encoding)
    reader = IpmFile(path, AccountFinder(["card-number"], accounts={CARD: "a"})).read
    found = read_damaged(folder, path.read_bytes(), edits, reader)
    assert all(isinstance(each, FileRecord | Refusal | Skip) for each in found)
