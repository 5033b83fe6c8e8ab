"""Rules as plain values: the one way they are written down, and back.

What is read here was checked when it came in (`contracts/rulesets.py`), and is stored for ever.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from txplatform.domain.activity import VelocityScope
from txplatform.domain.rules import CONFIGURABLE, ConfigurableRule

StoredRule = dict[str, Any]
"""A rule's name under `rule`, and its parameters under their own names."""

_KINDS = {kind.RULE: kind for kind in CONFIGURABLE}


def rule_to_stored(rule: ConfigurableRule) -> StoredRule:
    """The one way to write this rule."""
    return {"rule": rule.RULE, **parameters_to_stored(rule)}


def parameters_to_stored(value: Any) -> dict[str, Any]:
    """A dataclass's parameters.

    What is left out by default is left out: a parameter that a later version adds, and that is
    None or empty in all older rule sets, must not change their bytes.
    """
    written: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        parameter = getattr(value, field.name)
        if field.init and parameter is not None and parameter != ():
            written[field.name] = list(parameter) if isinstance(parameter, tuple) else parameter
    return written


def rule_from_stored(stored: StoredRule) -> ConfigurableRule:
    """The rule that was written like this.

    Raises:
        KeyError, TypeError, ValueError: It is of a newer version, or was altered.
    """
    parameters: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in stored.items()
        if name != "rule"
    }
    if "scope" in parameters:
        parameters["scope"] = VelocityScope(parameters["scope"])
    return _KINDS[stored["rule"]](**parameters)
