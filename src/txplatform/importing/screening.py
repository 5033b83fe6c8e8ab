"""Check records against the contract before they are sent."""

from __future__ import annotations

from collections.abc import Iterator

from txplatform.contracts.body import Body
from txplatform.contracts.clearing_batch import ClearingItem
from txplatform.contracts.field_problems import InvalidFieldsError, validate
from txplatform.contracts.messages import INBOUND
from txplatform.importing.records import FileRecord, Read, Reader, Refusal


def screened(reader: Reader, *, unique_ids: bool) -> Iterator[Read]:
    """Yield the records, with a refusal in place of each one that the platform could not apply.

    Args:
        reader: Reads the file.
        unique_ids: True if a file must not use an id twice for one account, since its ids come from
            references. The second record would be taken for a copy, and its money would be lost.
    """
    lines: dict[tuple[str | None, str, str], int] = {}
    for read in reader():
        if not isinstance(read, FileRecord):
            yield read
            continue
        key = (read.topic, str(read.body.get("account_id")), read.business_id)
        if (refusal := _contract_problem(read)) is not None:
            yield refusal
        elif unique_ids and key in lines:
            yield Refusal(
                read.line,
                read.id_field,
                "reference_twice",
                f"line {lines[key]} has the same reference for this account. If both are meant,"
                " send this one with an id of its own.",
            )
        else:
            lines[key] = read.line
            yield read


def _contract_problem(record: FileRecord) -> Refusal | None:
    """Return a refusal that names the first field that the contract does not take."""
    contract: type[Body] = ClearingItem if record.topic is None else INBOUND[record.topic]
    try:
        validate(contract, record.body)
    except InvalidFieldsError as error:
        first = error.fields[0]
        field = ".".join(map(str, first.location))
        return Refusal(record.line, field, "contract", f"{field} {first.problem}.")
    return None
