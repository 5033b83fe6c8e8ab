"""A counterfactual: one account's history as if the candidate rule set had decided.

Events other than decisions apply as recorded: openings, limits, statuses, payments, payment
returns, and postings that name no purchase. If the candidate declines an approved purchase, the
purchase's later events are dropped (see `replayed_lifecycle.py`). If the candidate approves a
declined purchase, the whole amount is held for as many days as the candidate sets, since the amount
to clear is unknown.
"""

from datetime import UTC, datetime, timedelta

from txplatform.backtest.recorded import APPROVED, DECLINED, RecordedDecision, decode_decision
from txplatform.backtest.replayed_lifecycle import ReplayedLifecycle
from txplatform.backtest.tally import ChangedDecision, Tally
from txplatform.domain.account import Account
from txplatform.domain.ids import AccountId, account_stream
from txplatform.domain.rules import Case, Judgement
from txplatform.domain.rules.rule import names_of
from txplatform.domain.rules.unknown import UNKNOWN
from txplatform.domain.rulesets import MAX_HOLD_DAYS, RuleSet
from txplatform.eventstore.mapper import decode_event

BEGINNING = datetime.min.replace(tzinfo=UTC)
"""A time before every event, from which the candidate makes all decisions."""

_DAYS = [timedelta(days=days) for days in range(MAX_HOLD_DAYS + 1)]


class Counterfactual:
    """Replays one account with the candidate's decisions. `account` is the resulting state."""

    def __init__(
        self, account_id: AccountId, candidate: RuleSet, since: datetime, tally: Tally
    ) -> None:
        self.account = Account.unopened(account_id)
        self._stream = account_stream(account_id)
        self._candidate = candidate
        self._since = since
        self._tally = tally
        self._lifecycle = ReplayedLifecycle(self.account, candidate, since, tally)

    def apply(self, version: int, topic: str, state: bytes) -> None:
        """Apply the next recorded event. If it is a decision, the candidate decides again.

        Raises:
            UnknownEventError: This version of txplatform does not know the event type (`topic`).
            ValueError, TypeError, LookupError, AttributeError: The bytes cannot be decoded.
        """
        if topic in (APPROVED, DECLINED):
            self._decide(version, decode_decision(topic, state))
        else:
            self._lifecycle.replay(decode_event(self._stream, version, topic, state))

    def _decide(self, version: int, recorded: RecordedDecision) -> None:
        at, purchase, lifecycle = recorded.timestamp, recorded.purchase, self._lifecycle
        if lifecycle.ends:
            lifecycle.end_holds(at)
        was_approved = recorded.approved
        if at < self._since:
            self._tally.recorded += 1
            if was_approved:
                lifecycle.approve(recorded, recorded.held, recorded.expires_at)
            else:
                lifecycle.drop_early_events(recorded)
            return
        case = Case(self.account, purchase, at, recorded.already_posted)
        judgement = self._candidate.judge(case, self.account.controls)
        reasons = judgement.reasons
        approved = not reasons
        merchant = purchase.merchant
        self._tally.judged += 1
        self._tally.count_decision(
            (
                purchase.currency,
                at.year * 12 + at.month - 1,
                merchant.category_code or UNKNOWN,
                merchant.country or UNKNOWN,
                recorded.ruleset,
                was_approved,
                approved,
            ),
            purchase.amount,
        )
        if approved is not was_approved:
            self._tally.count_change(
                ChangedDecision(
                    self.account.account_id,
                    version,
                    recorded,
                    recorded.reasons if approved else reasons,
                    () if approved else self._refusing_rules(case, judgement),
                )
            )
        elif not approved and [each.code for each in reasons] != [
            each.code for each in recorded.reasons
        ]:
            self._tally.other_reasons += 1
        if approved:
            days = self._candidate.hold_days.of(merchant.category_code)
            lifecycle.approve_again(recorded, at + _DAYS[days])
        elif was_approved:
            lifecycle.undo(recorded)
        else:
            lifecycle.drop_early_events(recorded)

    def _refusing_rules(self, case: Case, judgement: Judgement) -> tuple[str, ...]:
        rules = self._candidate.rules
        names = zip(names_of(rules), rules, strict=True)
        described = {name: f"{name}: {rule.sentence()}" for name, rule in names}
        return tuple(
            described.get(name, name)
            for name, _, refusal in self._candidate.checks + self.account.controls.checks
            if (observed := judgement.observed[name]) is not None
            and refusal(case, observed) is not None
        )
