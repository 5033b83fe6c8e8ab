"""The demo's data folder: one demo at a time, and the number of the next run."""

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from txplatform.errors import TxPlatformError

_DATA_FILES = (
    "postgres",
    "postgres.log",
    "postgres.password",
    "api.log",
    "worker.log",
    "bank.log",
    "state.json",
)


class FolderInUseError(TxPlatformError):
    """Raised if another demo uses the folder."""


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Keep other demos out of the folder.

    Raises:
        FolderInUseError: Another demo uses it.
    """
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUseError(
                f"Another demo is using {folder}.",
                next_step="Stop it, or choose another folder with --data-dir.",
            ) from None
        yield


def remove_data(folder: Path) -> None:
    """Delete the data of earlier runs."""
    for name in _DATA_FILES:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def next_run(folder: Path) -> int:
    """Increment and return the stored run number, which makes the ids of each run unique."""
    state = folder / "state.json"
    year = json.loads(state.read_text())["year"] + 1 if state.exists() else 1
    written = state.with_suffix(".new")
    written.write_text(json.dumps({"year": year}))
    written.replace(state)
    return int(year)
