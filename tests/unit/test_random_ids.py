"""Identifiers are never given twice, whoever asks."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from txplatform.random_ids import random_id

FORK = """
import os
from txplatform.random_ids import random_id

random_id()
child = os.fork()
if child:
    os.waitpid(child, 0)
print(*(random_id() for _ in range(300)), flush=True)
os._exit(0)
"""


def test_threads_are_given_different_ones() -> None:
    """However they come in each other's way when new ones are drawn."""
    with ThreadPoolExecutor(8) as threads:
        drawn = list(threads.map(lambda _: [random_id() for _ in range(2_000)], range(8)))
    ids = [each for some in drawn for each in some]
    assert len(set(ids)) == len(ids) == 16_000
    assert all(len(each) == 32 and int(each, 16) >= 0 for each in ids)


def test_a_copy_of_the_process_is_given_others() -> None:
    """What was drawn ahead is not given by both."""
    printed = subprocess.run(
        [sys.executable, "-c", FORK], check=True, capture_output=True, text=True
    ).stdout
    theirs, ours = (line.split() for line in printed.splitlines())
    assert len(theirs) == len(ours) == 300
    assert set(theirs).isdisjoint(ours)
