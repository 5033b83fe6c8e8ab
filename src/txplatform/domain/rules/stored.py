"""Convert rules to plain values for storage, and back.

Rules in requests are parsed by `contracts/rulesets.py` instead. Stored rules never change.
"""

from typing import Any

from txplatform.domain.rules import CONFIGURABLE, ConfigurableRule
from txplatform.domain.rules.parameters import Parametrized, json_name

StoredRule = dict[str, Any]
"""A rule's name under `rule`, and its parameters by name."""

_KINDS = {kind.RULE: kind for kind in CONFIGURABLE}


def rule_to_stored(rule: ConfigurableRule) -> StoredRule:
    """Return a rule as plain values."""
    return {"rule": rule.RULE, **parameters_to_stored(rule)}


def parameters_to_stored(parametrized: Parametrized) -> dict[str, Any]:
    """Return a dataclass's parameters as plain values, by their JSON names.

    None, False and empty lists are omitted, so that a parameter added by a later version does not
    change the stored bytes of existing rule sets.
    """
    return {
        json_name(field): parameter.written(value)
        for field, parameter in parametrized.PARAMETERS.items()
        if (value := getattr(parametrized, field)) is not None
        and value is not False
        and value != ()
    }


def rule_from_stored(stored: StoredRule) -> ConfigurableRule:
    """Restore a rule from its stored values.

    Raises:
        KeyError, TypeError, ValueError: The stored rule was altered or comes from a newer version.
    """
    kind = _KINDS[stored["rule"]]
    fields = {json_name(field): field for field in kind.PARAMETERS}
    return kind(**{fields[name]: value for name, value in stored.items() if name != "rule"})
