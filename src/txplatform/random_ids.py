"""Unique identifiers of 128 random bits from the operating system."""

import os

_AT_ONCE = 256
_DIGITS = 32

_drawn: list[str] = []
os.register_at_fork(after_in_child=_drawn.clear)  # a child must not repeat its parent's ids


def random_id() -> str:
    """Return 32 hexadecimal digits.

    Ids are drawn 256 at a time, since one system call per id would take longer than the rest of
    an event's creation. Any thread may call this function: `list.pop` returns each id only once.
    """
    while True:
        try:
            return _drawn.pop()
        except IndexError:
            digits = os.urandom(_AT_ONCE * _DIGITS // 2).hex()
            _drawn.extend(digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS))
