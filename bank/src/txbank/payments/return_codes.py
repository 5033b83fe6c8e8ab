"""Why a bank returns a payment, as an ISO 20022 code."""

from typing import Annotated

from pydantic import Field

from txbank.fields import RETURN_CODE

ReturnCode = Annotated[
    str,
    Field(pattern=RETURN_CODE, description="ISO 20022 code, such as AC04, AM04 or MD07."),
]

_MEANINGS = {
    "AC01": "incorrect account number",
    "AC03": "invalid creditor account number",
    "AC04": "account closed",
    "AC06": "account blocked",
    "AG01": "transaction forbidden",
    "AM04": "insufficient funds",
    "AM05": "duplication",
    "MD01": "no mandate",
    "MD06": "refund requested by the payer",
    "MD07": "payer deceased",
    "MS02": "not specified, by the payer",
    "MS03": "not specified, by the bank",
}


def describe(code: str) -> str:
    """Return a code with its meaning if that is known, such as `AC04 account closed`."""
    return f"{code} {_MEANINGS[code]}" if code in _MEANINGS else code
