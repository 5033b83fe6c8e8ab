"""`txplatform rebuild`: rebuild read models and snapshots from the log."""

import argparse
import json
import sys

from txplatform.cli.progress import progress
from txplatform.eventstore.consistent_read import count_events
from txplatform.projections import PROJECTIONS
from txplatform.projections.rebuild import Rebuilt, rebuild
from txplatform.projections.snapshots import retake_snapshots
from txplatform.settings import load_settings

_NAMES = [projection.name for projection in PROJECTIONS]


def configure(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "names",
        nargs="*",
        default=[],
        metavar="NAME",
        type=_projection_name,
        help="a read model: " + ", ".join(_NAMES),
    )
    what.add_argument("--all", action="store_true", help="all read models, and the snapshots")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Rebuild, and print figures from before and after; return 1 if they differ."""
    settings = load_settings()
    owner = settings.owner_database
    with owner.connect() as connection:
        events = count_events(connection)
    same = True
    for projection in PROJECTIONS:
        if arguments.all or projection.name in arguments.names:
            with progress(f"rebuild {projection.name}", events) as advance:
                rebuilt = rebuild(owner, projection, advance)
            same = same and rebuilt.same
            sys.stdout.write(_as_json(rebuilt) if arguments.json else _for_people(rebuilt))
            sys.stdout.flush()
    if arguments.all:
        with progress("retake snapshots", events) as advance:
            taken = retake_snapshots(owner, settings.snapshot_every_events, advance)
        sys.stdout.write(
            json.dumps({"snapshots": taken}) + "\n"
            if arguments.json
            else f"snapshots: {taken} taken\n"
        )
    return 0 if same else 1


def _projection_name(word: str) -> str:
    if word not in _NAMES:
        raise argparse.ArgumentTypeError(f"{word!r} is not one of {', '.join(_NAMES)}")
    return word


def _as_json(rebuilt: Rebuilt) -> str:
    names = ("name", "same", "compared_at", "before", "after", "position")
    return json.dumps({name: getattr(rebuilt, name) for name in names}) + "\n"


def _for_people(rebuilt: Rebuilt) -> str:
    lines = [f"{rebuilt.name}: rebuilt up to log position {rebuilt.position}"]
    outcome = "the same as" if rebuilt.same else "NOT the same as"
    lines.append(f"  at log position {rebuilt.compared_at} {outcome} before:")
    for name, before in rebuilt.before.items():
        after = rebuilt.after[name]
        lines.append(f"    {name:<14}{before}" + ("" if after == before else f" -> {after}"))
    return "\n".join(lines) + "\n"
