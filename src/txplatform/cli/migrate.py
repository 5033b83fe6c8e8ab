"""`txplatform migrate`: update the database schema to this version."""

import argparse
import json
import sys

from txplatform.eventstore.migrations import migrate
from txplatform.settings import load_settings


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Apply the pending migrations and print their names."""
    settings = load_settings()
    applied = migrate(settings.owner_url, settings.service_url)
    if arguments.json:
        sys.stdout.write(json.dumps({"applied": applied}) + "\n")
    elif applied:
        sys.stdout.writelines(f"applied {name}\n" for name in applied)
    else:
        sys.stdout.write("nothing to apply: the schema matches this version\n")
    return 0
