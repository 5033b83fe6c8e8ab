"""Read models that are brought up to date at once, without a projector at work."""

from __future__ import annotations

import psycopg

from txplatform.projections import PROJECTIONS
from txplatform.projections.runner import project_batch


def catch_up(connection: psycopg.Connection, batch: int = 1000) -> None:
    """Fold the log into every read model, to its end."""
    for projection in PROJECTIONS:
        while project_batch(connection, projection, batch):
            pass
