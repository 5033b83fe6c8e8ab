"""Random ids are unique across threads and forked processes."""

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


def test_concurrent_threads_get_different_ids() -> None:
    with ThreadPoolExecutor(8) as threads:
        drawn = list(threads.map(lambda _: [random_id() for _ in range(2_000)], range(8)))
    ids = [each for some in drawn for each in some]
    assert len(set(ids)) == len(ids) == 16_000
    assert all(len(each) == 32 and int(each, 16) >= 0 for each in ids)


def test_a_forked_process_gets_different_ids() -> None:
    """An id drawn in advance before the fork must not be used by both processes."""
    printed = subprocess.run(
        [sys.executable, "-c", FORK], check=True, capture_output=True, text=True
    ).stdout
    theirs, ours = (line.split() for line in printed.splitlines())
    assert len(theirs) == len(ours) == 300
    assert set(theirs).isdisjoint(ours)
