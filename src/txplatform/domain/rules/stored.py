"""Rules as plain values: the one way they are written down, and back.

What is read here was checked when it came in (`contracts/rulesets.py`), and is stored for ever.
"""

from __future__ import annotations

from typing import Any

from txplatform.domain.rules import CONFIGURABLE, ConfigurableRule
from txplatform.domain.rules.parameters import Parametrized, json_name

StoredRule = dict[str, Any]
"""A rule's name under `rule`, and its parameters under their own names."""

_KINDS = {kind.RULE: kind for kind in CONFIGURABLE}


def rule_to_stored(rule: ConfigurableRule) -> StoredRule:
    """Write this rule, in the one way there is."""
    return {"rule": rule.RULE, **parameters_to_stored(rule)}


def parameters_to_stored(parametrized: Parametrized) -> dict[str, Any]:
    """Write a dataclass's parameters.

    None and empty lists are left out: a parameter that a later version adds, and that is None or
    empty in all older rule sets, must not change their bytes.
    """
    return {
        json_name(field): parameter.written(value)
        for field, parameter in parametrized.PARAMETERS.items()
        if (value := getattr(parametrized, field)) is not None and value != ()
    }


def rule_from_stored(stored: StoredRule) -> ConfigurableRule:
    """Read a rule that was written like this.

    Raises:
        KeyError, TypeError, ValueError: It is of a newer version, or was altered.
    """
    kind = _KINDS[stored["rule"]]
    fields = {json_name(field): field for field in kind.PARAMETERS}
    return kind(**{fields[name]: value for name, value in stored.items() if name != "rule"})
