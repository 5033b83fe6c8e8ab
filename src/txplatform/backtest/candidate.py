"""Finds the rule set that is to be tried: in a file, or among those that are stored."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from txplatform.contracts.json import NotJsonError
from txplatform.contracts.rulesets import InvalidRuleSetError, parse_ruleset
from txplatform.domain.rulesets import RuleSet
from txplatform.errors import TxPlatformError

FindStored = Callable[[str], RuleSet | None]
"""Gives the stored rule set of an id such as retail@3."""


_ID = re.compile(r"[a-z0-9-]+@[0-9]+", re.ASCII)


class NoCandidateError(TxPlatformError):
    """There is no rule set to try.

    Attributes:
        problems: One each, for people.
    """

    def __init__(self, what: str, problems: tuple[str, ...]) -> None:
        super().__init__(what, why=" ".join(problems))
        self.problems = problems


def find_candidate(word: str, find_stored: FindStored | None = None) -> RuleSet:
    """The rule set of a file, or where there is no such file the stored one of that id.

    Raises:
        NoCandidateError: There is none, or it cannot be used.
    """
    path = Path(word)
    if find_stored is not None and _ID.fullmatch(word) and not path.exists():
        stored = find_stored(word)
        if stored is None:
            raise NoCandidateError(
                f"{word} is no rule set.", ("There is no such file and no stored rule set.",)
            )
        return stored
    try:
        return parse_ruleset(path.read_bytes())
    except OSError as error:
        raise NoCandidateError(f"{word} cannot be read.", (f"{error.strerror}.",)) from None
    except NotJsonError as error:
        raise NoCandidateError(f"{word} is no acceptable JSON.", (error.why,)) from None
    except InvalidRuleSetError as error:
        raise NoCandidateError(f"{word} cannot be used.", error.problems) from None
