"""A submitted form: the text as typed, the values, and the errors."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

from fastapi import Depends
from starlette.requests import Request

from txbank.fields import MAX_AMOUNT
from txbank.tracing import logger
from txbank.web.faults import FAILURES, is_fault
from txplatform_client import Money, MoneyError, ProblemError

T = TypeVar("T")

_AMOUNT = re.compile(r"[0-9]{1,16}(\.[0-9]+)?")

_log = logger("web")


class Form:
    """The fields of a submitted form, as typed. The methods read fields, and note their errors.

    If a field is wrong, its method returns an empty value. So use values only if the form is `ok`.

    Attributes:
        typed: The text of each field, which is shown again beside its error.
        errors: The problem of each wrong field.
        fault: The problem of the form as a whole.
    """

    def __init__(self, typed: Mapping[str, str] | None = None, **initial: str) -> None:
        self.typed = {"form_id": str(uuid4()), **initial, **(typed or {})}
        self.errors: dict[str, str] = {}
        self.fault = ""

    @property
    def ok(self) -> bool:
        """True if nothing is wrong."""
        return not self.errors and not self.fault

    def id(self) -> str:
        """Return the id of the form. Because of the id, a form sent twice takes effect once."""
        try:
            return str(UUID(self.typed["form_id"]))
        except ValueError:
            self.typed["form_id"] = str(uuid4())
            self.fault = "The form was damaged on its way. Send it again."
            return ""

    def text(self, name: str, what: str, *, longest: int = 200) -> str:
        """Return a line of text without the blanks around it.

        Args:
            name: The name of the field.
            what: The field as it is called in a sentence, such as `a reason`.
            longest: The largest number of characters.
        """
        value = self.typed.get(name, "").strip()
        if not value:
            return self.refuse(name, f"Enter {what}.")
        if len(value) > longest:
            return self.refuse(name, f"Use at most {longest} characters.")
        if not value.isprintable():
            return self.refuse(name, "Use one line of plain text.")
        return value

    def amount(self, name: str, currency: str, *, least: int = 1) -> int:
        """Return an amount of money in minor units, at least `least`, typed such as `12.50`."""
        value = self.typed.get(name, "").strip()
        example = Money(12_345, currency).amount
        if not value:
            self.refuse(name, f"Enter an amount, such as {example}.")
        elif not _AMOUNT.fullmatch(value):
            self.refuse(name, f"Write the amount with digits and a point, such as {example}.")
        else:
            try:
                minor = Money.of(value, currency).minor
            except MoneyError as error:
                self.refuse(name, str(error))
            else:
                if least <= minor <= MAX_AMOUNT:
                    return minor
                bound = f"at least {Money(least, currency)}" if minor < least else "less"
                self.refuse(name, f"The amount has to be {bound}.")
        return 0

    def choice(self, name: str, options: Collection[str]) -> str:
        """Return one of the options."""
        value = self.typed.get(name, "")
        return value if value in options else self.refuse(name, "Choose one of the options.")

    def refuse(self, name: str, message: str) -> str:
        """Note what is wrong with a field."""
        self.errors.setdefault(name, message)
        return ""

    def send(self, call: Callable[[], T], fields: Mapping[str, str]) -> T | None:
        """Carry out the form, and return the response; None if it was refused or may have failed.

        Args:
            call: Sends the request to another service.
            fields: The field of this form for each JSON pointer into the request's body.
        """
        try:
            return call()
        except FAILURES as error:
            if isinstance(error, ProblemError) and not is_fault(error):
                self._note_refusal(error, fields)
            else:
                _log.warning("a form may not have been carried out", reason=str(error))
                self.fault = (
                    "The service in charge does not respond now, so we cannot tell if this was "
                    "done. Send the form again in a moment. It takes effect at most once."
                )
        return None

    def _note_refusal(self, error: ProblemError, fields: Mapping[str, str]) -> None:
        if error.type == "id-reused":
            self.typed["form_id"] = str(uuid4())
            self.fault = (
                "This form was sent before with other values, and these took effect. "
                "Nothing was done now. To do this as well, send the form again."
            )
            return
        for each in error.problem.errors:
            if each.pointer in fields:
                self.refuse(fields[each.pointer], each.message)
        if not self.errors:
            self.fault = f"{error.detail} {error.next_step}"


async def _posted(request: Request) -> Form:
    body = (await request.body()).decode("utf-8", "replace")
    return Form(dict(parse_qsl(body, keep_blank_values=True)))


Posted = Annotated[Form, Depends(_posted)]
"""The parameter of an endpoint that receives a form."""
