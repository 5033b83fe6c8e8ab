"""PostgreSQL reads each binary array as the values from which it was made."""

from collections.abc import Iterator
from datetime import UTC
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.postgres import PostgresServer
from txplatform.binary_arrays import (
    BigintArray,
    BinaryArray,
    ByteaArray,
    TextArray,
    TimestamptzArray,
)
from txplatform.database import Database

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5000)
BYTES = st.binary(max_size=5000)
TIMES = st.datetimes(timezones=st.just(UTC))
BIGINTS = st.integers(-(2**63), 2**63 - 1)
COLUMNS: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "text": (TextArray, st.none() | TEXTS),
    "bytea": (ByteaArray, st.none() | BYTES),
    "bigint": (BigintArray, st.none() | BIGINTS),
    "timestamptz": (TimestamptzArray, st.none() | TIMES),
}


@pytest.fixture(scope="module")
def connection(postgres: PostgresServer) -> Iterator[psycopg.Connection]:
    database = postgres.new_database()
    with Database(database.service_url).connect() as connected:
        yield connected
    postgres.drop(database)


@pytest.mark.parametrize("element", COLUMNS)
@settings(max_examples=50)
@given(data=st.data())
def test_an_array_holds_the_values_from_which_it_was_made(
    connection: psycopg.Connection, element: str, data: st.DataObject
) -> None:
    kind, values = COLUMNS[element]
    column = data.draw(st.lists(values, max_size=20))
    array = kind.of(column)
    assert isinstance(array, BinaryArray)
    row = connection.execute("SELECT %b, pg_typeof(%b)::text", (array, array)).fetchone()
    assert row == (
        column,
        f"{'timestamp with time zone' if element == 'timestamptz' else element}[]",
    )
