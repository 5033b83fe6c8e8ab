"""The parts of docs/rules.md that follow from the code: the table of rules and the precedence."""

from __future__ import annotations

import dataclasses
from typing import Any

from txplatform.domain.reasons import ReasonCode
from txplatform.domain.rules import CONFIGURABLE, ConfigurableRule
from txplatform.domain.rules.parameters import Parameter, json_name

_HEAD = ("| Rule | Parameters | Refuses | Reason | Field 39 |", "|---|---|---|---|---|")


def with_rules(text: str) -> str:
    """Return the document with these parts as the code has them.

    Each stands between two comments, such as `<!-- rules -->` and `<!-- /rules -->`.
    """
    precedence = [f"{code.precedence + 1}. `{code.value}`" for code in ReasonCode]
    text = _put(text, "rules", [*_HEAD, *map(_row, CONFIGURABLE)])
    return _put(text, "precedence", precedence)


def _put(text: str, part: str, lines: list[str]) -> str:
    begin, end = f"<!-- {part} -->\n", f"\n<!-- /{part} -->"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return "".join((before, begin, "\n".join(lines), end, after))


def _row(rule: type[ConfigurableRule]) -> str:
    parameters = ", ".join(
        f"`{json_name(field.name)}`{_note(rule.PARAMETERS[field.name], field.default)}"
        for field in dataclasses.fields(rule)  # type: ignore[arg-type]  # each is a dataclass
    )
    code = rule.CODE
    cells = (f"`{rule.RULE}`", parameters, rule.REFUSES, f"`{code.value}`", code.response_code)
    return f"| {' | '.join(cells)} |"


def _note(parameter: Parameter, default: Any) -> str:
    """Return in brackets what is allowed, if that is unusual, and what holds by default."""
    if isinstance(default, tuple):
        default = ", ".join(default) or "none"
    said = [parameter.note, "" if default in (dataclasses.MISSING, None) else str(default)]
    brackets = ", ".join(filter(None, said))
    return f" ({brackets})" if brackets else ""
