"""One trial: a fault under load, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import monotonic

from harness.waiting import WaitError, wait_until_empty
from reliability.checks import (
    CHECKS,
    Evidence,
    doubled,
    i6_no_approval_exceeds_the_credit,
    lags,
    lost,
)
from reliability.faults import Fault, Site
from reliability.installation import Infrastructure, installed
from reliability.load import loaded

HEALS_WITHIN_S = 90
I8 = "i8_every_lag_returns_to_zero"


@dataclass(frozen=True)
class Result:
    """What came of a fault.

    Attributes:
        answered: Purchases that were sent; each of them got a decision.
        messages: Messages that the broker acknowledged, copies included.
        retries: Requests that a shop had to repeat.
        lost: Decided purchases and acknowledged messages without effect; None if not counted.
        doubled: Effects beyond the first of a purchase or message; None if not counted.
        over_limit: Approvals that exceeded the available credit; None if not counted.
        heals_s: Time from the end of the fault until all processes were ready and each API had
            decided 20 more purchases, seconds; None if that did not happen in time.
        broken: What each check found wrong, by the invariant's name; empty if all hold. If the
            platform did not heal (I8), nothing else is checked or counted.
    """

    fault: Fault
    answered: int
    messages: int
    retries: int
    lost: int | None
    doubled: int | None
    over_limit: int | None
    heals_s: float | None
    broken: dict[str, list[str]]


def try_fault(
    fault: Fault, infrastructure: Infrastructure, heals_within_s: float = HEALS_WITHIN_S
) -> Result:
    """Try a fault on a new installation.

    Raises:
        AssertionError: The fault did not have its effect, or the installation did not start.
    """
    heals_s: float | None = None
    broken: dict[str, list[str]] = {}
    with ExitStack() as stack:
        conditions = stack.enter_context(fault.conditions.made())
        installation = stack.enter_context(installed(infrastructure, conditions))
        with loaded(installation) as load:
            load.wait_for_answers()
            fault.act(Site(installation, load))
            ended = monotonic()
            with _i8_noted(broken):
                wait_until_empty(
                    installation.unready,
                    timeout_s=heals_within_s,
                    message=f"all processes to be ready after {fault.name}",
                )
                load.wait_for_answers()
                heals_s = monotonic() - ended
        if not broken:
            with _i8_noted(broken):
                wait_until_empty(
                    lambda: lags(installation, load),
                    timeout_s=heals_within_s,
                    message=f"every lag to return to zero after {fault.name}",
                )
        healed, evidence = not broken, Evidence(installation, load)
        if healed:
            found = {check.__name__: check(evidence) for check in CHECKS}
            broken = {name: texts for name, texts in found.items() if texts}
        return Result(
            fault,
            answered=len(load.answers),
            messages=load.messages,
            retries=load.retries.total(),
            lost=lost(evidence) if healed else None,
            doubled=doubled(evidence) if healed else None,
            over_limit=len(i6_no_approval_exceeds_the_credit(evidence)) if healed else None,
            heals_s=heals_s,
            broken=broken,
        )


@contextmanager
def _i8_noted(broken: dict[str, list[str]]) -> Iterator[None]:
    """Add a wait that fails to the broken invariants."""
    try:
        yield
    except WaitError as error:
        broken[I8] = [str(error)]
