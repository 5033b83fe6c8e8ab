"""Identifiers that were never given before: 128 bits of the operating system's randomness."""

from __future__ import annotations

import os

_AT_ONCE = 256
_DIGITS = 32

_drawn: list[str] = []
os.register_at_fork(after_in_child=_drawn.clear)  # a copy of this process gives none of them again


def random_id() -> str:
    """32 hexadecimal digits.

    They are drawn many at a time: to ask the system for each one takes longer than all else that
    an event needs, and lets other threads in between. Threads may share them: each is popped once.
    """
    while True:
        try:
            return _drawn.pop()
        except IndexError:
            digits = os.urandom(_AT_ONCE * _DIGITS // 2).hex()
            _drawn.extend(digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS))
