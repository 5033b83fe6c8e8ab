"""The entry point of `make bench`, which imports nothing until it runs.

Backtest processes import the main module of their parent process. The main module of the command
line is small. This module must be small too, or the benchmark would measure its own imports.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    from benchmarks.command import main

    sys.exit(main())
