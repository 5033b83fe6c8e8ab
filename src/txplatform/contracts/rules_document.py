"""Generate the table of rules in docs/rules.md from the rule classes."""

import dataclasses
from typing import Any

from txplatform.domain.rules import CONFIGURABLE, ConfigurableRule
from txplatform.domain.rules.parameters import Parameter, json_name

_BEGIN = """<!-- made by `make schemas` -->
| Rule | Parameters | Refuses | Reason | Field 39 |
|---|---|---|---|---|
"""
_END = "<!-- end -->\n"


def with_rules(text: str) -> str:
    """Replace the table between the two marker comments, and return the whole document."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return "".join((before, _BEGIN, *map(_row, CONFIGURABLE), _END, after))


def _row(rule: type[ConfigurableRule]) -> str:
    parameters = ", ".join(
        f"`{json_name(field.name)}`{_note(rule.PARAMETERS[field.name], field.default)}"
        for field in dataclasses.fields(rule)  # type: ignore[arg-type]  # every rule is a dataclass
    )
    code = rule.CODE
    cells = (f"`{rule.RULE}`", parameters, rule.REFUSES, f"`{code.value}`", code.response_code)
    return f"| {' | '.join(cells)} |\n"


def _note(parameter: Parameter, default: Any) -> str:
    if default is None or default == ():
        default = "optional"
    elif isinstance(default, tuple):
        default = ", ".join(default)
    elif isinstance(default, bool):
        default = str(default).lower()
    parts = [parameter.note, "" if default is dataclasses.MISSING else str(default)]
    brackets = ", ".join(filter(None, parts))
    return f" ({brackets})" if brackets else ""
