"""The argument `--by` of commands that record who gave them."""

import argparse
from getpass import getuser

from txplatform.cli.recorded_text import recorded_text
from txplatform.domain.cause import OperatorCause


def add_author_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--by` to the arguments of a command."""
    parser.add_argument("--by", type=recorded_text, help="author; your user name by default")


def author_of(arguments: argparse.Namespace) -> OperatorCause:
    """Return the author: `--by`, or else the user name."""
    return OperatorCause(arguments.by or f"{getuser()} (command line)")
