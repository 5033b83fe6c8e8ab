"""Formats a number with its noun in the singular or plural."""


def pluralize(number: int, noun: str) -> str:
    """Return text such as `1 rule` or `2 rules`; only for nouns whose plural adds an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
