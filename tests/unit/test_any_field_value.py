"""Any JSON value in any field of a body is either read or named as invalid: none is a defect."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.descriptions import VALUES
from txplatform import contracts
from txplatform.contracts.advice import AdviceRequest
from txplatform.contracts.body import Body, RequestBody
from txplatform.contracts.clearing_batch import ClearingBatchBody
from txplatform.contracts.field_problems import InvalidField, InvalidFieldsError, validate
from txplatform.contracts.json import RepeatingObject, Unreadable
from txplatform.contracts.messages import MessageBody


def concrete(kind: type[Body]) -> Iterator[type[Body]]:
    """Yield the classes of bodies below a base class."""
    for each in kind.__subclasses__():
        if each is not ClearingBatchBody:  # its items are not parsed with it
            yield each
        yield from concrete(each)


for module in iter_modules(contracts.__path__):
    import_module(f"{contracts.__name__}.{module.name}")  # defines all subclasses

MODELS = sorted(
    {*concrete(RequestBody), *concrete(AdviceRequest), *concrete(MessageBody)},
    key=lambda model: model.__name__,
)


def problems(model: type[Body], body: dict[str, Any]) -> tuple[InvalidField, ...]:
    """Return the fields of a body that are invalid."""
    try:
        validate(model, body)
    except InvalidFieldsError as error:
        return error.fields
    return ()


UNREADABLE = (
    Unreadable("is a number that is too large", ("1e400",)),
    RepeatingObject([("id", "m-1"), ("id", "m-2")]),
)
values = st.sampled_from((*VALUES, *UNREADABLE)) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_any_value_of_any_field_is_read_or_named(model: type[Body]) -> None:
    fields = dict.fromkeys(model.model_fields, values)

    @settings(max_examples=60)
    @given(st.fixed_dictionaries({}, optional=fields))
    def check(body: dict[str, Any]) -> None:
        invalid = problems(model, body)
        assert {field.location[0] for field in invalid} <= {*model.model_fields}
        assert all(field.problem for field in invalid)

    check()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_null_in_an_optional_field_is_the_same_as_its_absence(model: type[Body]) -> None:
    for name, field in model.model_fields.items():
        if field.is_required():
            continue
        assert problems(model, {name: None}) == problems(model, {}), name
