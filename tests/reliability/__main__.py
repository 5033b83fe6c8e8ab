"""`python -m reliability`: try all faults, or some by name, and write docs/reliability.md."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from reliability.faults import FAULTS
from reliability.installation import infrastructure
from reliability.report import PAGE, write
from reliability.trial import Result, try_fault


def main(names: list[str]) -> int:
    """Try the named faults, or all; return 1 if an invariant was broken."""
    with infrastructure() as shared:
        chosen = (fault for fault in FAULTS if not names or fault.name in names)
        return report_each(try_fault(fault, shared) for fault in chosen)


def report_each(results: Iterable[Result], page: Path = PAGE) -> int:
    """Write and print each result as it comes; return 1 if an invariant was broken."""
    say = partial(print, flush=True)
    broken = False
    for result in results:
        write(result, page)
        seconds = result.heals_s
        healed = "did not heal" if seconds is None else f"healed in {seconds:.1f} s"
        say(f"{result.fault.name}: {healed}", *result.broken.items())
        broken = broken or bool(result.broken)
    return int(broken)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
