"""docs/messages.md and docs/settlement.md match the code: tables of fields, reasons and flags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import pytest

from harness.documents import codes, document, first_codes, json_examples, table
from txplatform.contracts.body import Body
from txplatform.contracts.clearing_batch import ClearingItem, ItemResult
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.contracts.messages import (
    INBOUND,
    PaymentReturnedMessage,
    PaymentSubmittedMessage,
    PresentmentReceivedMessage,
)
from txplatform.domain.flags import Flag
from txplatform.importing.account_finder import ACCOUNT_FACTS
from txplatform.importing.csv_columns import CLEARING_COLUMNS, PAYMENT_COLUMNS, Column
from txplatform.importing.payment_sender import RESULT_OF_STATUS
from txplatform.importing.report import RESULTS

MESSAGES, SETTLEMENT = document("messages.md"), document("settlement.md")
PRESENTMENTS = PresentmentReceivedMessage.TOPIC


def fields(body: type[Body]) -> dict[str, str]:
    """Return whether each field of a body may be missing."""
    return {
        name: "no" if field.is_required() else "yes" for name, field in body.model_fields.items()
    }


def written_fields(text: str, heading: str) -> dict[str, str]:
    """Return what a table of fields says."""
    return {
        codes(name)[0]: may_be_missing for name, _, may_be_missing in table(text, heading, "Field")
    }


@pytest.mark.parametrize("topic", sorted({*INBOUND} - {PRESENTMENTS}))
def test_every_field_of_a_topic_is_listed(topic: str) -> None:
    assert written_fields(MESSAGES, topic) == fields(INBOUND[topic])


def test_every_field_of_a_settlement_item_is_listed() -> None:
    assert written_fields(SETTLEMENT, "Fields") == fields(ClearingItem)


def test_a_presentment_differs_from_an_item_as_the_document_says() -> None:
    expected = {**fields(ClearingItem), "direction": "no", "presented_at": "yes"}
    assert fields(PresentmentReceivedMessage) == expected


def test_every_status_of_a_message_is_listed() -> None:
    assert first_codes(table(MESSAGES, "Sending", "Status")) == [*MessageStatus]


def test_every_reason_for_parking_is_listed() -> None:
    """docs/contracts.md has those of the code, as another test checks."""
    reasons = first_codes(table(document("contracts.md"), "Parked messages", "Reason"))
    assert sorted(first_codes(table(MESSAGES, "Why a message is parked", "Reason"))) == sorted(
        reasons
    )


def test_every_flag_is_listed() -> None:
    flags = first_codes(table(SETTLEMENT, "Flags", "Flag"))
    assert sorted(flags) == sorted(Flag)
    assert {*first_codes(table(MESSAGES, "Flags", "Flag"))} < {*flags}


def test_every_result_of_an_item_is_listed() -> None:
    assert first_codes(table(SETTLEMENT, "Results", "`result`")) == [*get_args(ItemResult)]


@pytest.mark.parametrize(
    ("text", "heading", "columns"),
    [
        (MESSAGES, "CSV files with payments", PAYMENT_COLUMNS),
        (SETTLEMENT, "CSV files with settlement items", CLEARING_COLUMNS),
    ],
    ids=["payments", "settlement"],
)
def test_every_column_of_a_csv_file_is_listed(
    text: str, heading: str, columns: Mapping[str, Column]
) -> None:
    assert table(text, heading, "Column") == [
        (f"`{column.name}`", column.meaning, "yes" if column.required else "no")
        for column in columns.values()
    ]


def test_every_way_to_find_an_account_is_listed() -> None:
    rows = table(MESSAGES, "Bank statements", "`--account-by`")
    assert [(codes(name)[0], meaning) for name, meaning in rows] == [*ACCOUNT_FACTS.items()]


def test_every_result_of_an_import_is_listed() -> None:
    assert first_codes(table(MESSAGES, "Importing files", "Result")) == [*RESULTS]


def test_every_status_of_a_message_is_a_result_of_an_import() -> None:
    assert {*RESULT_OF_STATUS} == {*MessageStatus}


def test_the_examples_are_accepted() -> None:
    submitted, returned = json_examples(MESSAGES)
    PaymentSubmittedMessage.model_validate(submitted)
    PaymentReturnedMessage.model_validate(returned)
    for item in json_examples(SETTLEMENT):
        ClearingItem.model_validate(item)
