"""Add up the outcomes of a file's records."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

from txplatform.contracts.messages import PaymentReturnedMessage, PaymentSubmittedMessage
from txplatform.importing.records import FileRecord, RecordOutcome, Refusal, Result, Skip

RESULTS: tuple[Result, ...] = get_args(Result)

_KINDS = {
    PaymentSubmittedMessage.TOPIC: "payment",
    PaymentReturnedMessage.TOPIC: "return",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A record that a person has to settle."""

    line: int
    id: str | None
    field: str | None
    reason: str | None
    detail: str | None


@dataclass(slots=True)
class Report:
    """The result of an import.

    Attributes:
        counts: The number of records with each result.
        sums: Count and amount, minor units, by result, kind and currency.
        skipped: The number of records that are not meant for the platform, by kind.
        flags: The number of applied records with each flag.
        refused: The records that were refused, here or by the platform.
        unconfirmed: The records without an outcome.
        differing: Repeated records that differ from the first copy. They may be other payments or
            presentments with the same id.
        from_position: The number of records whose id comes from their position in the file.
    """

    counts: Counter[str] = field(default_factory=Counter)
    sums: dict[tuple[str, str, str], list[int]] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    refused: list[Line] = field(default_factory=list)
    unconfirmed: list[Line] = field(default_factory=list)
    differing: list[Line] = field(default_factory=list)
    from_position: int = 0

    def add(self, item: Refusal | Skip | RecordOutcome) -> None:
        """Count one record."""
        match item:
            case Skip():
                self.skipped[item.why] += 1
            case Refusal():
                self.counts["refused"] += 1
                self.refused.append(Line(item.line, None, item.field, item.reason, item.detail))
            case RecordOutcome():
                self._add_outcome(item)

    def _add_outcome(self, outcome: RecordOutcome) -> None:
        record = outcome.record
        self.counts[outcome.result] += 1
        self.from_position += record.from_position
        self.flags.update(outcome.flags)
        key = (outcome.result, kind_of(record), record.body["currency"])
        count_and_amount = self.sums.setdefault(key, [0, 0])
        count_and_amount[0] += 1
        count_and_amount[1] += record.body["amount"]
        line = Line(record.line, record.business_id, outcome.field, outcome.reason, outcome.detail)
        if outcome.result == "refused":
            self.refused.append(line)
        elif outcome.result == "unknown":
            self.unconfirmed.append(line)
        elif outcome.result == "repeated" and outcome.detail is not None:
            self.differing.append(line)

    def needing_a_person(self) -> dict[str, list[Line]]:
        """Return the records that need a person, by the reason, in the order of the file."""
        found = {
            "refused": self.refused,
            "not confirmed": self.unconfirmed,
            "repeated with other details": self.differing,
        }
        # Records are read ahead, so a refusal may come before the outcome of an earlier line.
        return {why: sorted(lines, key=lambda each: each.line) for why, lines in found.items()}

    @property
    def complete(self) -> bool:
        """Return whether no record needs a person."""
        return not any(self.needing_a_person().values())

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values; amounts are minor units."""
        return {
            **{result: self.counts[result] for result in RESULTS},
            "sums": [
                {"result": result, "kind": kind, "currency": currency, "count": n, "amount": total}
                for (result, kind, currency), (n, total) in sorted(self.sums.items())
            ],
            "skipped": dict(self.skipped),
            "flags": dict(self.flags),
            "ids_from_position": self.from_position,
            "needing_a_person": [
                {"why": why, **asdict(line)}
                for why, lines in self.needing_a_person().items()
                for line in lines
            ],
        }


def kind_of(record: FileRecord) -> str:
    """Return `payment`, `return`, `debit`, `credit` or `correction`."""
    if record.topic is not None:
        return _KINDS[record.topic]
    if "reverses_clearing_id" in record.body:
        return "correction"
    return str(record.body.get("direction", "debit"))
