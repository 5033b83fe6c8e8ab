"""One account's counterfactual history: the recorded one, decided by the candidate from a day on.

What is no decision happens as recorded: openings, limits, statuses, payments and their returns,
postings that name no purchase. Of a purchase that only the candidate declines nothing happens
later: see `replayed_lifecycle.py`. One that only the candidate approves holds its amount until the
candidate's hold days are over, since nobody knows what it would have cleared for.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from txplatform.backtest.changed_decision import ChangedDecision
from txplatform.backtest.recorded import APPROVED, DECLINED, RecordedDecision, read_decision
from txplatform.backtest.replayed_lifecycle import ReplayedLifecycle
from txplatform.backtest.tally import Tally
from txplatform.domain.account import Account
from txplatform.domain.ids import AccountId, account_stream
from txplatform.domain.rules import ALWAYS, Case, ConfigurableRule
from txplatform.domain.rules.rule import Rule, names_of
from txplatform.domain.rulesets import CONTROLS_PREFIX, MAX_HOLD_DAYS, RuleSet
from txplatform.eventstore.mapper import decode_event

BEGINNING = datetime.min.replace(tzinfo=UTC)
"""Before everything: the candidate decides from the first purchase on."""

_DAYS = [timedelta(days=days) for days in range(MAX_HOLD_DAYS + 1)]


class Counterfactual:
    """One account on its way through its counterfactual history.

    Attributes:
        account: Its state there.
    """

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
        """Apply the next recorded event, or what happens here in its place.

        Raises:
            UnknownEventError: It is of a kind that this version does not know.
            ValueError, TypeError, LookupError, AttributeError: Its bytes are no such event.
        """
        if topic in (APPROVED, DECLINED):
            self._decide(read_decision(version, topic, state))
        else:
            self._lifecycle.follow(decode_event(self._stream, version, topic, state))

    def _decide(self, recorded: RecordedDecision) -> None:
        at, purchase, lifecycle = recorded.at, recorded.purchase, self._lifecycle
        if lifecycle.ends:
            lifecycle.end_holds(at)
        if at < self._since:
            self._tally.recorded += 1
            if recorded.approved:
                lifecycle.begin(recorded, recorded.hold, recorded.expires_at)
            else:
                lifecycle.forget(recorded)
            return
        case = Case(self.account, purchase, at, recorded.already_posted)
        reasons = self._candidate.judge(case, self.account.controls).reasons
        approved = not reasons
        merchant = purchase.merchant
        self._tally.judged += 1
        self._tally.decision(
            (
                purchase.currency,
                at.year * 12 + at.month - 1,
                merchant.category_code,
                merchant.country,
                recorded.ruleset,
                recorded.approved,
                approved,
            ),
            purchase.amount,
        )
        if approved is not recorded.approved:
            refusals = (
                [(reason["code"], reason["message"]) for reason in recorded.reasons]
                if approved
                else [(reason.code.value, reason.message) for reason in reasons]
            )
            rules = () if approved else self._refusing(case)
            self._tally.changed(self._change(recorded, refusals, rules))
        elif not approved and [reason.code.value for reason in reasons] != [
            reason["code"] for reason in recorded.reasons
        ]:
            self._tally.other_reasons += 1
        if approved:
            days = self._candidate.hold_days_of(merchant.category_code)
            lifecycle.begin_anew(recorded, at + _DAYS[days])
        elif recorded.approved:
            lifecycle.undo(recorded)
        else:
            lifecycle.forget(recorded)

    def _refusing(self, case: Case) -> tuple[str, ...]:
        """Name the rules that refuse it; they are asked again, since few decisions change.

        To the name of a rule of the candidate its sentence is added.
        """
        rules = (*ALWAYS, *self._candidate.rules)
        labels = [
            f"{name}: {rule.sentence()}" if isinstance(rule, ConfigurableRule) else name
            for name, rule in zip(names_of(rules), rules, strict=True)
        ]
        own = self.account.controls
        labels += names_of(own.rules, CONTROLS_PREFIX)
        asked = zip(labels, (*rules, *own.rules), strict=True)
        return tuple(label for label, rule in asked if _refuses(rule, case))

    def _change(
        self, recorded: RecordedDecision, refusals: list[tuple[str, str]], rules: tuple[str, ...]
    ) -> ChangedDecision:
        purchase = recorded.purchase
        merchant = purchase.merchant
        return ChangedDecision(
            purchase.amount,
            purchase.currency,
            self.account.account_id,
            recorded.version,
            recorded.event_id,
            purchase.transaction_id,
            recorded.at,
            merchant.id,
            merchant.name,
            merchant.category_code,
            merchant.country,
            not recorded.approved,
            tuple(code for code, _ in refusals),
            tuple(message for _, message in refusals),
            rules,
        )


def _refuses(rule: Rule, case: Case) -> bool:
    observed = rule.observe(case)
    return observed is not None and rule.refusal(case, observed) is not None
