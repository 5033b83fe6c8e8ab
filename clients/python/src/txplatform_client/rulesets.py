"""Rule sets: the rule book, activations and shadow evaluations."""

from collections.abc import Mapping
from typing import Any

from txplatform_client.call import Call, ListCall, call, listing
from txplatform_client.fields import Body, Outcome, Page, Time


class Activation(Body, kw_only=True):
    """A request to activate a rule set.

    Attributes:
        activation_id: The idempotency key.
        reason: Text for people, recorded permanently.
    """

    activation_id: str
    reason: str


class RecordedActivation(Body):
    """A recorded activation.

    Attributes:
        activated_by: The name of the API key.
        after_position: The newest log position at the time of activation.
    """

    activation_id: str
    ruleset: str
    reason: str
    activated_by: str
    activated_at: Time
    after_position: int
    event_id: str


class RuleSet(Body):
    """A rule set.

    Attributes:
        id: Its name and version, such as `retail@3`.
        content_hash: SHA-256 of its canonical JSON.
        content: The rule set as JSON, as `add_ruleset` takes it.
        added_by: The name of the API key; None for the built-in rule set.
        warnings: Likely mistakes.
        activations: Oldest first.
    """

    id: str
    content_hash: str
    content: dict[str, Any]
    active: bool
    shadowed: bool
    added_by: str | None
    added_at: Time | None
    warnings: list[str]
    activations: list[RecordedActivation]


class RuleSetSummary(Body):
    """A rule set in the rule book.

    Attributes:
        rules: The number of its rules.
    """

    id: str
    description: str
    content_hash: str
    rules: int
    active: bool
    shadowed: bool
    added_by: str | None
    added_at: Time | None


class RuleBookPage(Page[RuleSetSummary]):
    """A page of the rule book.

    Attributes:
        version: Grows by one with every change of the rule book.
        active: The id of the rule set in force.
        shadowed: The id of the rule set that is evaluated in shadow; None for none.
    """

    version: int
    active: str
    shadowed: str | None


class Shadowing(Body, kw_only=True):
    """A request to evaluate a rule set in shadow.

    Attributes:
        shadowing_id: The idempotency key.
        reason: Text for people, recorded permanently.
    """

    shadowing_id: str
    reason: str


class RecordedShadowing(Body):
    """A shadow evaluation and its progress.

    Attributes:
        after_position: The first decision evaluated is the first one after this log position.
        until_position: The log position of the end; None while the evaluation runs.
        position: The last log position that was read.
        judged: The number of decisions evaluated so far.
        newly_declined: The number of approvals that the rule set would decline.
        newly_approved: The number of declines that the rule set would approve.
    """

    shadowing_id: str
    ruleset: str
    reason: str
    started_by: str
    started_at: Time
    ended_at: Time | None
    after_position: int
    until_position: int | None
    position: int
    judged: int
    newly_declined: int
    newly_approved: int


class ShadowingsPage(Page[RecordedShadowing]):
    """A page of a rule set's shadow evaluations."""


class Disagreement(Body):
    """A decision that the rule set would have made differently.

    Attributes:
        amount: Minor units of `currency`.
        reasons: The recorded reasons; empty for an approval.
        shadow_reasons: The reasons given in shadow; empty for an approval in shadow.
    """

    log_position: int
    account_id: str
    account_version: int
    event_id: str
    transaction_id: str
    amount: int
    currency: str
    decided_at: Time
    decision: Outcome
    reasons: list[dict[str, Any]]
    shadow_decision: Outcome
    shadow_reasons: list[dict[str, Any]]


class DisagreementsPage(Page[Disagreement]):
    """A page of disagreements.

    Attributes:
        as_of_position: The last log position that the evaluation has read.
    """

    as_of_position: int


class RuleSetCalls:
    """The calls about rules. Those that read have the scope `rules:read`, others `rules:write`."""

    @listing
    def list_rulesets(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> ListCall[RuleBookPage, RuleSetSummary]:
        """List the rule sets, oldest first."""
        query = {"limit": limit, "cursor": cursor}
        return ListCall("GET", ("rulesets",), RuleBookPage, query)

    @call
    def add_ruleset(self, content: Mapping[str, Any]) -> Call[RuleSet]:
        """Add a rule set, given as JSON: see docs/rules.md. It is active only after an activation.

        Adding the same rule set again changes nothing.
        """
        return Call("POST", ("rulesets",), RuleSet, body=content)

    @call
    def read_ruleset(self, ruleset_id: str) -> Call[RuleSet]:
        """Return one rule set and its activations."""
        return Call("GET", ("rulesets", ruleset_id), RuleSet)

    @call
    def activate_ruleset(self, ruleset_id: str, activation: Activation) -> Call[RecordedActivation]:
        """Activate a rule set; every process uses it within a second."""
        path = ("rulesets", ruleset_id, "activations")
        return Call("POST", path, RecordedActivation, body=activation)

    @listing
    def list_shadowings(
        self, ruleset_id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> ListCall[ShadowingsPage, RecordedShadowing]:
        """List the shadow evaluations of a rule set, oldest first."""
        query = {"limit": limit, "cursor": cursor}
        return ListCall("GET", ("rulesets", ruleset_id, "shadowings"), ShadowingsPage, query)

    @call
    def start_shadowing(self, ruleset_id: str, shadowing: Shadowing) -> Call[RecordedShadowing]:
        """Evaluate a rule set in shadow. This ends the shadow evaluation that is running."""
        path = ("rulesets", ruleset_id, "shadowings")
        return Call("POST", path, RecordedShadowing, body=shadowing)

    @call
    def end_shadowing(self, ruleset_id: str, shadowing_id: str) -> Call[RecordedShadowing]:
        """End a shadow evaluation."""
        path = ("rulesets", ruleset_id, "shadowings", shadowing_id)
        return Call("DELETE", path, RecordedShadowing)

    @listing
    def list_disagreements(
        self,
        ruleset_id: str,
        shadowing_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> ListCall[DisagreementsPage, Disagreement]:
        """List the decisions that the rule set would have made differently, newest first."""
        path = ("rulesets", ruleset_id, "shadowings", shadowing_id, "disagreements")
        return ListCall("GET", path, DisagreementsPage, {"limit": limit, "cursor": cursor})
