"""`python -m reliability`: try all faults, or some by name, and write docs/reliability.md."""

from __future__ import annotations

import sys
from functools import partial

from reliability.faults import FAULTS
from reliability.installation import infrastructure
from reliability.report import write
from reliability.trial import try_fault


def main(names: list[str]) -> int:
    """Try the named faults, or all; return 1 if an invariant was broken."""
    say = partial(print, flush=True)
    broken = False
    with infrastructure() as shared:
        for fault in FAULTS:
            if not names or fault.name in names:
                result = try_fault(fault, shared)
                write(result)
                say(f"{fault.name}: healed in {result.heals_s:.1f} s", *result.broken.items())
                broken = broken or bool(result.broken)
    return int(broken)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
