"""The version before, from the history of the repository."""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

RELEASE = "ad197603c0ec"
"""The commit to upgrade from. Its migrations stay as they are."""

_REPOSITORY = Path(__file__).parents[2]


def has_release() -> bool:
    """Return whether the history has the commit; a shallow clone lacks it."""
    found = subprocess.run(
        ["git", "cat-file", "-e", f"{RELEASE}^{{commit}}"],
        cwd=_REPOSITORY,
        capture_output=True,
        check=False,
    )
    return found.returncode == 0


@contextmanager
def released_source() -> Iterator[Path]:
    """Yield a folder with the packages of the version before."""
    archive = subprocess.run(
        ["git", "archive", RELEASE, "src"], cwd=_REPOSITORY, capture_output=True, check=True
    ).stdout
    with tempfile.TemporaryDirectory(prefix="txplatform-release-") as folder:
        with tarfile.open(fileobj=BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")
        yield Path(folder, "src")
