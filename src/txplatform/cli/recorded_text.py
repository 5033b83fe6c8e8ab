"""The argument type for a text that is recorded, such as a reason."""

from argparse import ArgumentTypeError

from txplatform.contracts.cleaning import MAX_TEXT
from txplatform.contracts.fields import refuse_card_number


def recorded_text(word: str) -> str:
    """Return the text without surrounding blanks.

    Raises:
        ArgumentTypeError: It is empty, too long, has several lines, or holds a card number.
    """
    text = word.strip()
    if not text or len(text) > MAX_TEXT or not text.isprintable():
        raise ArgumentTypeError(f"write one line of at most {MAX_TEXT} characters")
    try:
        return refuse_card_number(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
