"""`txbank`: run the services, migrate their databases, and manage API keys and users."""

import sys
from collections.abc import Sequence

from txbank.streams import give_up


def main(words: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 1 after a failure, 2 for wrong usage."""
    try:
        # The import takes a second, and is interrupted without a traceback too.
        from txbank.commands import main as run  # noqa: PLC0415
    except KeyboardInterrupt:
        give_up("Interrupted.")
        return 1
    return run(words)


if __name__ == "__main__":
    sys.exit(main())
