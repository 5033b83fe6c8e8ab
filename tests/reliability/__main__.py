"""`python -m reliability`: try all faults and write docs/reliability.md, or try some by name."""

from __future__ import annotations

import sys
from functools import partial

from reliability.faults import FAULTS
from reliability.installation import infrastructure
from reliability.report import table, write
from reliability.trial import Result, try_fault


def main(names: list[str]) -> int:
    """Try the named faults, or all; return 1 if an invariant was broken."""
    say = partial(print, flush=True)
    results: list[Result] = []
    with infrastructure() as shared:
        for fault in FAULTS:
            if not names or fault.name in names:
                result = try_fault(fault, shared)
                results.append(result)
                say(f"{fault.name}: healed in {result.heals_s:.1f} s", *result.broken.items())
    say(table(results))
    if not names:
        write(results)
    return int(any(result.broken for result in results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
