"""The base class of request and message bodies, with their conversion to domain objects."""

from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, JsonValue

from txplatform.contracts.json import parse_strict_json

Value = TypeVar("Value")


class Body(BaseModel):
    """A request or message body, or an object nested in a body.

    Attributes:
        VALUE: The domain class to which a nested object is converted.
    """

    model_config = ConfigDict(frozen=True)

    VALUE: ClassVar[type]
    _parts: ClassVar[tuple[str, ...]]

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Find the fields that are nested bodies."""
        cls._parts = tuple(
            name
            for name, field in cls.model_fields.items()
            if any(
                isinstance(part, type) and issubclass(part, Body)
                for part in (field.annotation, *get_args(field.annotation))
            )
        )

    @classmethod
    def parse(cls, data: bytes) -> Any:
        """Parse the JSON of a body, for `validate` to make the body of it.

        Raises:
            NotJsonError: The bytes are not JSON, or a key is repeated.
        """
        return parse_strict_json(data)

    def to_value(self, kind: type[Value], *, without: Iterable[str] = (), **given: Any) -> Value:
        """Convert the body to a domain object with the same-named fields.

        Args:
            kind: The class of the domain object.
            without: Fields of the body to leave out.
            given: Additional fields, and replacements for fields of the body.

        Raises:
            TypeError: `kind` lacks one of the fields, or requires a field that is not given.
        """
        values = {**self.__dict__, **given}
        for name in self._parts:
            if (part := values[name]) is not None:
                values[name] = part.to_value(part.VALUE)
        for name in without:
            del values[name]
        return kind(**values)


class RequestBody(Body):
    """A request body. Unknown members are refused, so that callers notice misspelt fields."""

    model_config = ConfigDict(extra="forbid")


def with_example(**fields: JsonValue) -> ConfigDict:
    """Return a model configuration with these fields as the example in the schema."""
    return ConfigDict(json_schema_extra={"examples": [fields]})
