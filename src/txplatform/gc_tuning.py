"""How a long-running process treats Python's garbage collector."""

from __future__ import annotations

import gc

_YOUNG, _MIDDLE, _OLD = 20_000, 5, 200
"""A middle collection looks at what five young ones left: that takes 7 ms, where 20 took 28."""


def collect_seldom() -> None:
    """Look for cycles seldom; called once a process has what it keeps.

    What exists by now lives as long as the process and is not looked at again. Hot paths leave no
    cycles behind, while accounts and messages come and go by the thousand: with the usual
    thresholds the collector took a tenth of the time and found nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
