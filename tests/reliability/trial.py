"""One trial: a fault under load, and what came of it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from time import monotonic

from harness.waiting import wait_until
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


@dataclass(frozen=True)
class Result:
    """What came of a fault.

    Attributes:
        answered: Purchases that were sent; each of them got a decision.
        messages: Messages that the broker acknowledged, copies included.
        retries: Requests that a shop had to repeat.
        lost: Decided purchases and acknowledged messages without effect.
        doubled: Effects beyond the first of a purchase or message.
        over_limit: Approvals that exceeded the available credit.
        heals_s: Time from the end of the fault until all processes were ready and each API had
            decided 20 more purchases, seconds.
        broken: What each check found wrong, by the invariant's name; empty if all hold.
    """

    fault: Fault
    answered: int
    messages: int
    retries: int
    lost: int
    doubled: int
    over_limit: int
    heals_s: float
    broken: dict[str, list[str]]


def try_fault(fault: Fault, infrastructure: Infrastructure) -> Result:
    """Try a fault on a new installation.

    Raises:
        AssertionError: The platform did not heal in time (I8).
    """
    with ExitStack() as stack:
        conditions = stack.enter_context(fault.conditions.made())
        installation = stack.enter_context(installed(infrastructure, conditions))
        with loaded(installation) as load:
            load.wait_for_answers()
            fault.act(Site(installation, load))
            ended = monotonic()
            wait_until(
                lambda: not installation.unready(),
                timeout_s=HEALS_WITHIN_S,
                message=f"all processes to be ready after {fault.name}",
            )
            load.wait_for_answers()
            heals_s = monotonic() - ended
        wait_until(
            lambda: not lags(installation, load),
            timeout_s=HEALS_WITHIN_S,
            message=f"{lags(installation, load)} to pass after {fault.name}",
        )
        evidence = Evidence(installation, load)
        broken = {check.__name__: check(evidence) for check in CHECKS}
        return Result(
            fault,
            answered=len(load.answers),
            messages=load.messages,
            retries=load.retries.total(),
            lost=lost(evidence),
            doubled=doubled(evidence),
            over_limit=len(i6_no_approval_exceeds_the_credit(evidence)),
            heals_s=heals_s,
            broken={name: found for name, found in broken.items() if found},
        )
