"""The entry point of `make bench`; it imports nothing until it runs.

The processes of a backtest import the main module of their parent: of the command line that is
little, and so it must be here, or the benchmark would measure its own imports.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    from benchmarks.command import main

    sys.exit(main())
