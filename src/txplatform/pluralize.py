"""A number with its noun, as people write it."""


def pluralize(number: int, noun: str) -> str:
    """`1 rule`, `2 rules`; for nouns whose plural ends in s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
