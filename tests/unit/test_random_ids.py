"""Random ids are unique across threads and forked processes."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from txplatform.random_ids import random_id


def test_concurrent_threads_get_different_ids() -> None:
    with ThreadPoolExecutor(8) as threads:
        drawn = list(threads.map(lambda _: [random_id() for _ in range(2_000)], range(8)))
    ids = [each for some in drawn for each in some]
    assert len(set(ids)) == len(ids) == 16_000
    assert all(len(each) == 32 and int(each, 16) >= 0 for each in ids)


def test_a_forked_process_gets_different_ids() -> None:
    """The ids drawn in advance before the fork must not be used by both processes."""
    random_id()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, "".join(random_id() for _ in range(300)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 32 * 300).decode()
    os.close(reading)
    os.close(writing)
    ours = {random_id() for _ in range(300)}
    assert ours.isdisjoint(theirs[at : at + 32] for at in range(0, len(theirs), 32))
    assert len(theirs) == 32 * 300
