"""What request and message bodies have in common: they are frozen and become values."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar, get_args

from pydantic import BaseModel, ConfigDict

Value = TypeVar("Value")


class Body(BaseModel):
    """A part of a body.

    Attributes:
        VALUE: The value that it becomes where it is a field of another body.
    """

    model_config = ConfigDict(frozen=True)

    VALUE: ClassVar[type]
    _parts: ClassVar[tuple[str, ...]]

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Note which fields are bodies themselves."""
        cls._parts = tuple(
            name
            for name, field in cls.model_fields.items()
            if any(
                isinstance(part, type) and issubclass(part, Body)
                for part in (field.annotation, *get_args(field.annotation))
            )
        )

    def to_value(self, kind: type[Value], **given: Any) -> Value:
        """Make a value of the same-named fields, and of what is given beside them.

        Raises:
            TypeError: A field is missing, or the value has no such field.
        """
        values = {**self.__dict__, **given}
        for name in self._parts:
            if (part := values[name]) is not None:
                values[name] = part.to_value(part.VALUE)
        return kind(**values)


class RequestBody(Body):
    """The body of a request; an unknown member is refused, so that the caller sees it at once."""

    model_config = ConfigDict(extra="forbid")
