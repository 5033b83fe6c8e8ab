"""The options `--limit` and `--cursor` of commands that print a page of a list."""

import argparse
import sys

MAX_LIMIT = 500
"""The maximum page size, as over HTTP."""


def configure_paging(parser: argparse.ArgumentParser, *, default: int) -> None:
    """Add the options to a command."""
    parser.add_argument(
        "--limit",
        type=_limit,
        default=default,
        metavar="N",
        help=f"largest number of items, at most {MAX_LIMIT} (default: {default})",
    )
    parser.add_argument("--cursor", help="cursor for the next page, printed with the page before")


def print_next(cursor: str | None) -> None:
    """Print the cursor for the next page to stderr, unless there is none."""
    if cursor is not None:
        sys.stderr.write(f"next page: --cursor={cursor}\n")


def _limit(word: str) -> int:
    limit = int(word)
    if not 1 <= limit <= MAX_LIMIT:
        raise ValueError
    return limit
