"""The header `Idempotency-Key`, which many clients send with every request.

The idempotency key of a request is an id in its body, so the header is not needed. If it has
another value, the client relies on a key that has no effect, so the request is refused.
"""

from pydantic import BaseModel

from txplatform.api.problems import ProblemError
from txplatform.contracts.fields import IDEMPOTENCY_KEY
from txplatform.contracts.problems import ProblemType


def check_idempotency_key(header: str | None, business_id: str, name: str) -> None:
    """Check that the header, if it was sent, has the id from the body.

    The value may be quoted, as in the IETF draft `draft-ietf-httpapi-idempotency-key-header`.

    Args:
        header: The value of the header; None if it was not sent.
        business_id: The id in the body.
        name: The name of the field with the id.

    Raises:
        ProblemError: The values differ.
    """
    if header is not None and business_id not in (header, header.strip().strip('"')):
        raise ProblemError(
            ProblemType.IDEMPOTENCY_KEY_MISMATCH,
            f"The header Idempotency-Key differs from {name}, which is the idempotency key.",
            f"Leave the header out, or send the {name} in it.",
        )


def check_key_of(header: str | None, body: BaseModel) -> None:
    """Check the header for a body that has an idempotency key; other bodies have none to compare.

    Raises:
        ProblemError: The values differ.
    """
    if header is None:
        return
    for name, field in type(body).model_fields.items():
        if field.json_schema_extra == IDEMPOTENCY_KEY:
            check_idempotency_key(header, getattr(body, name), name)
