"""Report the consumer's health, and log messages and accounts that need an operator."""

from collections.abc import Mapping, Sequence
from logging import DEBUG, WARNING

from structlog.typing import FilteringBoundLogger

from txplatform.consumers.assignment import Assignment
from txplatform.consumers.backlog import Backlogs
from txplatform.consumers.batch_processor import InboundBatch
from txplatform.consumers.deferred_messages import Deferred
from txplatform.contracts.inbound_messages import MessageStatus
from txplatform.domain.ids import account_of
from txplatform.eventstore.snapshot import account_state
from txplatform.health import Health
from txplatform.inbox.alarms import Alarms, describe_alarms
from txplatform.inbox.message import MessageOutcome
from txplatform.pluralize import pluralize
from txplatform.processing.unit_of_work import UnitOfWork
from txplatform.telemetry import correlation_id

TOPICS = "topics"
"""The name of the background check that finds changed topics and positions."""


def log_outcomes(
    log: FilteringBoundLogger,
    batch: InboundBatch,
    outcomes: Sequence[MessageOutcome],
    work: UnitOfWork,
) -> None:
    """Log parked messages and failed accounts; for debugging, also all others."""
    logs_all = log.is_enabled_for(DEBUG)
    for parsed, outcome in zip(batch.parsed_messages, outcomes, strict=True):
        parked = outcome.status is MessageStatus.PARKED
        if parked or logs_all:
            line = f"message {outcome.status.value}"
            log.log(
                WARNING if parked else DEBUG,
                line,
                topic=parsed.message.topic,
                partition=parsed.message.partition,
                offset=parsed.message.offset,
                account=outcome.account_id,
                reason=outcome.reason,
                event_id=outcome.event_id,
                correlation_id=correlation_id(parsed.trace.traceparent),
            )
    for stream, error in work.failed.items():
        log.error("messages deferred", account=account_of(stream), exc_info=error)
    if logs_all:
        for account in work.accounts.values():
            log.debug(
                "account state",
                account=account.account_id,
                version=account.version,
                state=account_state(account),
            )


def health_of(
    assignment: Assignment,
    backlogs: Backlogs,
    deferred: Deferred,
    alarms: Alarms,
    faults: Mapping[str, str],
) -> Health:
    """Return the consumer's health.

    The consumer is ready if all of these hold:

    - It is a member of the group.
    - All topics exist, and all assigned partitions are read.
    - No message waits without progress, and none is deferred.

    An alarm or a failed background check is added to the text only. But if the check of the topics
    failed and no message was read since, the consumer is not ready.
    """
    backlog = {f"{key.topic}[{key.partition}]": each for key, each in backlogs.latest.items()}
    figures = {
        "cluster_id": assignment.origin.cluster_id,
        "partitions": len(assignment.positions),
        "deferred_messages": deferred.messages,
        "alarms": sum(alarms.counts.values()),
        "lag": {name: each.messages for name, each in backlog.items()},
        "oldest_s": round(max((each.oldest_s for each in backlog.values()), default=0), 1),
    }
    problems = [
        *(assignment.unusable[name] for name in sorted(assignment.unusable)),
        *assignment.faults.values(),
        *assignment.suspended.values(),
        *backlogs.problems(),
    ]
    if deferred.messages:
        problems.append(
            f"{pluralize(deferred.messages, 'message')} deferred, since accounts cannot be decided"
            f" on; one is {deferred.account_id}; run `txplatform verify`"
        )
    if assignment.assigned is None:
        because = f": {assignment.group_problem()}" if assignment.group_problem() else ""
        problems.append(f"is not a member of the consumer group yet{because}")
    elif assignment.assigned and not assignment.reading:
        problems.append("has not looked up its positions yet")
    # An alarm needs an operator, but the consumer works.
    words = [f"ALARM: {described}"] if (described := describe_alarms(alarms)) else []
    for look, fault in faults.items():
        silent = look == TOPICS and not assignment.advanced
        (problems if silent else words).append(f"could not look up {look}: {fault}")
    if problems:
        return Health(ready=False, detail="; ".join([*words, *problems]), figures=figures)
    detail = (
        f"reads {len(assignment.positions)} partitions"
        if assignment.assigned
        else "standing by: other members read all partitions"
    )
    return Health(ready=True, detail="; ".join([*words, detail]), figures=figures)
