"""Numbers with their nouns, for texts that people read."""


def pluralize(number: int, noun: str) -> str:
    """Return `1 rule` or `2 rules`; the plural of the noun has to end in s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
