"""The results of shadow evaluations: their checkpoints, counts and disagreements."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg
from psycopg.rows import class_row

from txplatform.contracts.cursors import Cursors
from txplatform.contracts.ruleset_responses import DisagreementResponse, DisagreementsResponse
from txplatform.domain.events import AuthorizationDeclined
from txplatform.domain.ids import account_of
from txplatform.following.checkpoint import Checkpoint
from txplatform.rulebook.book import Shadowing
from txplatform.shadow.judging import JudgedDecision

_BEGIN = """
INSERT INTO shadowings (shadowing_id, ruleset_id) VALUES (%s, %s)
ON CONFLICT DO NOTHING
"""
_COUNT = """
UPDATE shadowings
SET judged = judged + %s, newly_declined = newly_declined + %s, newly_approved = newly_approved + %s
WHERE shadowing_id = %s
"""
_COLUMNS = (
    "log_position, account_id, account_version, event_id, transaction_id, amount, currency,"
    " decided_at, decision, reasons, shadow_decision, shadow_reasons"
)
_COPY = f"COPY shadow_disagreements (shadowing_id, {_COLUMNS}) FROM STDIN"
_NEWEST_FIRST = f"""
SELECT {_COLUMNS}
FROM shadow_disagreements
WHERE shadowing_id = %s AND log_position < %s
ORDER BY log_position DESC
LIMIT %s
"""
_END = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a shadow evaluation.

    Attributes:
        position: The last log position that was read.
        judged: The number of decisions evaluated so far.
        newly_declined: The number of approvals that the candidate rule set would decline.
        newly_approved: The number of declines that the candidate rule set would approve.
    """

    shadowing_id: str
    position: int
    judged: int
    newly_declined: int
    newly_approved: int


def begin(
    connection: psycopg.Connection, shadowing_id: str, ruleset_id: str, position: int
) -> None:
    """Create a shadow evaluation's counts and checkpoint if they do not exist."""
    connection.execute(_BEGIN, (shadowing_id, ruleset_id))
    checkpoint_of(shadowing_id).begin(connection, position)


def checkpoint_of(shadowing_id: str) -> Checkpoint:
    """Return the checkpoint of this shadow evaluation."""
    return Checkpoint(f"shadow:{shadowing_id}")


def record(
    connection: psycopg.Connection, shadowing_id: str, judged: Sequence[JudgedDecision]
) -> None:
    """Store counts and disagreements; the caller's transaction also moves the checkpoint."""
    disagreements = [each for each in judged if each.disagrees]
    if disagreements:
        with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            for each in disagreements:
                copy.write_row((shadowing_id, *_row(each)))
    declined = sum(each.approved for each in disagreements)
    connection.execute(_COUNT, (len(judged), declined, len(disagreements) - declined, shadowing_id))


def read_progress(connection: psycopg.Connection) -> dict[str, Progress]:
    """Return the progress of each shadow evaluation that has begun, by id."""
    with connection.cursor(row_factory=class_row(Progress)) as rows:
        rows.execute(
            "SELECT shadowing_id, position, judged, newly_declined, newly_approved"
            " FROM shadowings JOIN checkpoints ON name = 'shadow:' || shadowing_id"
        )
        return {progress.shadowing_id: progress for progress in rows}


def disagreement_cursors(shadowing_id: str) -> Cursors:
    """Return the cursors of the list of a shadow evaluation's disagreements."""
    return Cursors("disagreements", shadowing_id=shadowing_id)


def list_disagreements(
    connection: psycopg.Connection, shadowing: Shadowing, *, limit: int, cursor: str | None = None
) -> DisagreementsResponse:
    """Return a page of a shadow evaluation's disagreements, newest first.

    Raises:
        InvalidCursorError: The cursor is not of this list.
    """
    cursors = disagreement_cursors(shadowing.shadowing_id)
    (before,) = cursors.read(cursor, _END)
    progress = read_progress(connection).get(shadowing.shadowing_id)
    with connection.cursor(row_factory=class_row(DisagreementResponse)) as rows:
        found = rows.execute(_NEWEST_FIRST, (shadowing.shadowing_id, before, limit + 1)).fetchall()
    items = found[:limit]
    return DisagreementsResponse(
        items,
        cursors.write(items[-1].log_position) if len(found) > limit else None,
        shadowing.after_position if progress is None else progress.position,
    )


def _row(judged: JudgedDecision) -> tuple[Any, ...]:
    event, purchase = judged.recorded, judged.recorded.purchase
    reasons = event.reasons if isinstance(event, AuthorizationDeclined) else ()
    return (
        judged.position,
        account_of(event.originator_id),
        event.originator_version,
        event.event_id,
        purchase.transaction_id,
        purchase.amount,
        purchase.currency,
        event.timestamp,
        "approved" if judged.approved else "declined",
        orjson.dumps(reasons).decode(),
        "declined" if judged.reasons else "approved",
        orjson.dumps(judged.reasons).decode(),
    )
