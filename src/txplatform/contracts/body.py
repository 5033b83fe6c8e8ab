"""The base class of request and message bodies, which become values of the domain."""

from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, JsonValue

Value = TypeVar("Value")


class Body(BaseModel):
    """A body, or an object within one.

    Attributes:
        VALUE: The class of the value that an object within a body becomes.
    """

    model_config = ConfigDict(frozen=True)

    VALUE: ClassVar[type]
    _parts: ClassVar[tuple[str, ...]]

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Note the fields that are bodies themselves."""
        cls._parts = tuple(
            name
            for name, field in cls.model_fields.items()
            if any(
                isinstance(part, type) and issubclass(part, Body)
                for part in (field.annotation, *get_args(field.annotation))
            )
        )

    def to_value(self, kind: type[Value], *, without: Iterable[str] = (), **given: Any) -> Value:
        """Make a value from the same-named fields.

        Args:
            kind: The class of the value.
            without: Fields of the body that the value does not have.
            given: Fields of the value that the body does not have.

        Raises:
            TypeError: A field is missing, or the value has no such field.
        """
        values = {**self.__dict__, **given}
        for name in self._parts:
            if (part := values[name]) is not None:
                values[name] = part.to_value(part.VALUE)
        for name in without:
            del values[name]
        return kind(**values)


class RequestBody(Body):
    """The body of a request. An unknown member is refused, so that the caller notices it."""

    model_config = ConfigDict(extra="forbid")


def with_example(**fields: JsonValue) -> ConfigDict:
    """Return the configuration of a body whose schema has these fields as its example."""
    return ConfigDict(json_schema_extra={"examples": [fields]})
